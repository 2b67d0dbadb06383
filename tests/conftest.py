"""What all tests share: an Airflow of their own, the sandbox as API, real S3 servers."""

from __future__ import annotations

import json
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
from grounds import Ground, local_ground, s3_ground
from surroundings import AIRFLOW_HOME, connect


def pytest_unconfigure() -> None:
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's metadata database, for tests that run DAGs."""
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True
    )


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A sandbox that serves, with the default connection leading to it."""
    from airflow_provider_planet_reports.sandbox import Sandbox

    sandbox = Sandbox(days=3, plans=(1001,))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        yield sandbox


@dataclass(frozen=True)
class S3Server:
    """An S3 protocol server on loopback.

    :param endpoint: its address.
    :param login: access key id.
    :param password: secret access key.
    """

    endpoint: str
    login: str
    password: str

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's AWS connection to it."""
        return {
            "conn_type": "aws",
            "login": self.login,
            "password": self.password,
            "extra": {
                "endpoint_url": self.endpoint,
                "region_name": "us-east-1",
                "config_kwargs": {"s3": {"addressing_style": "path"}},
            },
        }

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
def moto() -> Iterator[S3Server]:
    """Moto's threaded server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Server(f"http://{host}:{port}", "moto-login", "moto-password")
    server.stop()


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
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


@pytest.fixture(params=["file", "moto", "rclone"])
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ground:
    """An empty destination on each kind of store."""
    if request.param == "file":
        return local_ground(tmp_path / "landing")
    # Airflow keeps file systems by connection id for as long as the process lives.
    conn_id, server = request.param, request.getfixturevalue(request.param)
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(server.connection))
    return s3_ground(server, conn_id)
