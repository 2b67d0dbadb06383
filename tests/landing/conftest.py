"""Real places to land in: a folder, and two S3 servers that know nothing of each other."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.local_store import LocalStore
from airflow_provider_planet_reports.landing.object_store import ObjectStore
from airflow_provider_planet_reports.landing.store import Entry, Store


@dataclass(frozen=True)
class S3Server:
    """An S3 protocol server on loopback."""

    endpoint: str
    login: str
    password: str

    @property
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

    def file_system(self) -> Any:
        """An own file system, with an own cache of listings: as another process has it."""
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


@dataclass
class Ground:
    """An empty destination, and looks into it that do not go through what is tested.

    ``open`` gives a store as a further process would have it, ``visible`` all that readers
    see, ``leftovers`` what is hidden from them but takes space, ``disturb`` writes an object
    behind the store's back.
    """

    open: Callable[[], Store]
    visible: Callable[[], dict[str, bytes]]
    leftovers: Callable[[], list[str]]
    disturb: Callable[[str, bytes], None]


@pytest.fixture(params=["local", "moto", "rclone"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """An empty destination on each kind of store."""
    if request.param == "local":
        return _local_ground(tmp_path / "destination")
    return _s3_ground(request.getfixturevalue(f"{request.param}_endpoint"))


@pytest.fixture
def store(ground: Ground) -> Store:
    """The store on an empty destination."""
    return ground.open()


def _local_ground(root: Path) -> Ground:
    def files(*, hidden: bool) -> Iterator[Path]:
        for path in root.rglob("*"):
            if path.is_file() and path.name.startswith(".") is hidden:
                yield path

    def disturb(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return Ground(
        open=lambda: LocalStore(root),
        visible=lambda: {
            path.relative_to(root).as_posix(): path.read_bytes() for path in files(hidden=False)
        },
        leftovers=lambda: [path.name for path in files(hidden=True)],
        disturb=disturb,
    )


def _s3_ground(server: S3Server) -> Ground:
    client, bucket = server.client, f"bucket-{uuid.uuid4().hex}"
    client.create_bucket(Bucket=bucket)
    root = f"{bucket}/usage/planet"

    def visible() -> dict[str, bytes]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return {
            key.removeprefix("usage/planet/"): client.get_object(Bucket=bucket, Key=key)[
                "Body"
            ].read()
            for key in keys
        }

    def leftovers() -> list[str]:
        try:
            uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        except client.exceptions.NoSuchUpload:  # rclone says so until there has been a first
            return []
        return [upload["Key"] for upload in uploads]

    return Ground(
        open=lambda: ObjectStore(server.file_system(), root, f"s3://{root}"),
        visible=visible,
        leftovers=leftovers,
        disturb=lambda key, data: client.put_object(
            Bucket=bucket, Key=f"usage/planet/{key}", Body=data
        ),
    )


class MemoryStore:
    """A store that keeps a journal, and fails when it is told to.

    ``fail_at`` is the number of the operation that fails, from 1; ``too_late`` lets it fail
    after it has taken effect, as when the answer of a server is lost. ``watch`` is called
    after every operation.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.stamps: dict[str, str] = {}
        self.journal: list[tuple[str, str]] = []
        self.unfinished: set[str] = set()
        self.fail_at = 0
        self.too_late = False
        self.watch: Callable[[], None] = lambda: None

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(1 for name, _ in self.journal if name == operation)

    def do(self, operation: str, key: str, effect: Callable[[], Any]) -> Any:
        """Take an operation down, and do it or fail."""
        self.journal.append((operation, key))
        failing = len(self.journal) == self.fail_at
        if failing and not self.too_late:
            raise OSError(5, f"{operation} failed")
        result = effect()
        self.watch()
        if failing:
            raise OSError(5, f"the answer to {operation} was lost")
        return result

    def put(self, key: str, data: bytes) -> None:
        """Make an object visible."""
        self.objects[key] = data
        self.stamps[key] = uuid.uuid4().hex

    def open(self, key: str) -> _MemoryWriter:
        writer: _MemoryWriter = self.do("open", key, lambda: _MemoryWriter(self, key))
        return writer

    def read(self, key: str) -> bytes:
        def found() -> bytes:
            if key not in self.objects:
                raise FileNotFoundError(key)
            return self.objects[key]

        data: bytes = self.do("read", key, found)
        return data

    def list(self, prefix: str) -> Iterator[Entry]:
        keys = self.do("list", prefix, lambda: [k for k in self.objects if k.startswith(prefix)])
        return iter([Entry(key, self.stamps[key]) for key in keys])

    def delete(self, key: str) -> None:
        self.do("delete", key, lambda: self.objects.pop(key, None))

    def uri(self, key: str) -> str:
        return f"memory://{key}"


class _MemoryWriter:
    def __init__(self, store: MemoryStore, key: str) -> None:
        self._store, self._key, self._data = store, key, b""
        store.unfinished.add(key)

    def write(self, data: bytes) -> None:
        def append() -> None:
            self._data += data

        self._store.do("write", self._key, append)

    def commit(self) -> None:
        def commit() -> None:
            self._store.put(self._key, self._data)
            self._store.unfinished.discard(self._key)

        self._store.do("commit", self._key, commit)

    def abandon(self) -> None:
        self._store.unfinished.discard(self._key)


@pytest.fixture
def memory() -> MemoryStore:
    """A store in memory with a journal."""
    return MemoryStore()


@pytest.fixture
def new_memory() -> type[MemoryStore]:
    """The class of :func:`memory`, for tests that need many."""
    return MemoryStore


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
