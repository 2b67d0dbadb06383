"""Real places to land in: a folder, and two S3 servers that know nothing of each other."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from grounds import Ground, MemoryStore, local_ground, s3_ground

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.store import Store


@dataclass(frozen=True)
class S3Server:
    """An S3 protocol server on loopback."""

    endpoint: str
    login: str
    password: str

    @cached_property
    def client(self) -> Any:
        """A client that shares nothing with what is tested."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.login,
            aws_secret_access_key=self.password,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    @cached_property
    def file_system(self) -> Any:
        """The file system of this process."""
        return self.new_file_system()

    def new_file_system(self) -> Any:
        """A file system with an own cache of listings: as another process has it."""
        from s3fs import S3FileSystem

        return S3FileSystem(
            endpoint_url=self.endpoint,
            key=self.login,
            secret=self.password,
            client_kwargs={"region_name": "us-east-1"},
            config_kwargs={"s3": {"addressing_style": "path"}},
            skip_instance_cache=True,
        )


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[S3Server]:
    """Moto's threaded server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", "moto-login", "moto-password")
    server.stop()


@pytest.fixture(scope="session")
def rclone_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """``rclone serve s3`` over a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    login, password = "rclone-access-key-id", "rclone-secret-access-key-0123456789"
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    server = subprocess.Popen(
        [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key",
         f"{login},{password}", "--config", os.devnull, str(tmp_path_factory.mktemp("rclone"))],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_for(port, server)
        yield S3Server(f"http://127.0.0.1:{port}", login, password)
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, "rclone did not start"
        time.sleep(0.05)
    raise TimeoutError("rclone does not answer")


@pytest.fixture(params=["local", "moto", "rclone"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """An empty destination on each kind of store."""
    if request.param == "local":
        return local_ground(tmp_path / "destination")
    return s3_ground(request.getfixturevalue(f"{request.param}_endpoint"))


@pytest.fixture
def store(ground: Ground) -> Store:
    """The store on an empty destination."""
    return ground.open()


@pytest.fixture
def memory() -> MemoryStore:
    """A store in memory with a journal."""
    return MemoryStore()


@pytest.fixture
def report() -> Report:
    """A report of two parts; its links are signed."""
    return Report.from_dict(
        {
            "report_id": "0a1b",
            "contents": [
                "https://files.example/0a1b/1?X-Amz-Signature=5ec2e7",
                "https://files.example/0a1b/2?X-Amz-Signature=5ec2e7",
            ],
            "org_id": 4321,
            "plan_id": 1001,
            "data_date_start": "2026-11-01",
            "data_date_end": "2026-11-01",
            "report_type": "detailed",
            "cadence": "daily",
            "num_rows": 3,
            "has_footprint": False,
            "_links": {"self": "https://api.planet.com/reports/v1/0a1b?token=5ec2e7"},
            "some_new_field": {"kept": True},
        }
    )
