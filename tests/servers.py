"""Object stores on loopback that speak the real protocols, and clients to look into them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import uuid4

import google_server
import pytest
from grounds import Ground

from airflow_provider_planet_reports.landing.stores.opening import open_store

#: Where npm puts programs that are installed for this environment alone.
_NODE_PROGRAMS = Path(sys.prefix, "node_modules", ".bin")
PREFIX = "usage/planet"


@dataclass(frozen=True)
class S3Server:
    """An S3 protocol server.

    :param endpoint: its address.
    :param login: access key id.
    :param password: secret access key.
    :param keeps_conditions: whether it keeps conditions of requests.
    """

    endpoint: str
    login: str
    password: str
    keeps_conditions: bool

    scheme: ClassVar[str] = "s3"

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

    def ground(self, conn_id: str) -> Ground:
        """A new bucket, which a connection leads to."""
        client, bucket = self.client, f"bucket-{uuid4().hex}"
        client.create_bucket(Bucket=bucket)

        def visible() -> dict[str, bytes]:
            pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
            return {
                _below_prefix(key): client.get_object(Bucket=bucket, Key=key)["Body"].read()
                for key in keys
            }

        def leftovers() -> list[str]:
            try:
                uploads = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
            except client.exceptions.NoSuchUpload:  # rclone says so until there has been a first
                return []
            return [upload["Key"] for upload in uploads]

        def disturb(key: str, data: bytes) -> None:
            client.put_object(Bucket=bucket, Key=f"{PREFIX}/{key}", Body=data)

        url = f"{self.scheme}://{conn_id}@{bucket}/{PREFIX}"
        open = partial(open_store, url)
        return Ground(url, open, visible, leftovers, disturb, self.keeps_conditions)


@dataclass(frozen=True)
class AzureServer:
    """An Azure blob storage server.

    :param connection_string: how clients find it, and their key.
    """

    connection_string: str

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's Azure connection to it."""
        return {"conn_type": "wasb", "extra": {"connection_string": self.connection_string}}

    @cached_property
    def client(self) -> Any:
        """A client that shares nothing with what is tested."""
        from azure.storage.blob import BlobServiceClient

        return BlobServiceClient.from_connection_string(self.connection_string)

    def ground(self, conn_id: str) -> Ground:
        """A new container, which a connection leads to."""
        name = f"container-{uuid4().hex}"
        container = self.client.create_container(name)

        def visible() -> dict[str, bytes]:
            return {
                _below_prefix(key): container.download_blob(key).readall()
                for key in container.list_blob_names()
            }

        def disturb(key: str, data: bytes) -> None:
            container.upload_blob(f"{PREFIX}/{key}", data, overwrite=True)

        # Blocks that are not committed can't be taken back; Azure drops them after a week.
        url = f"abfs://{conn_id}@{name}/{PREFIX}"
        return Ground(url, partial(open_store, url), visible, list, disturb)


def _google_connection(endpoint: str) -> dict[str, Any]:
    extra = {"is_anonymous": True, "gcs.endpoint": endpoint, "project": "test"}
    return {"conn_type": "google_cloud_platform", "extra": extra}


class GoogleByS3Server(S3Server):
    """A server of S3's protocol that asks for no keys, as Google Cloud Storage."""

    scheme: ClassVar[str] = "gs"

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's Google connection to it."""
        return _google_connection(self.endpoint)


class GoogleServer(google_server.GoogleServer):
    """Google's XML API in memory."""

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's Google connection to it."""
        return _google_connection(f"http://127.0.0.1:{self.server_port}")

    def ground(self, conn_id: str) -> Ground:
        """A new bucket, which a connection leads to."""
        name = f"bucket-{uuid4().hex}"
        self.create_bucket(name)
        url = f"gs://{conn_id}@{name}/{PREFIX}"

        def visible() -> dict[str, bytes]:
            return {_below_prefix(key): data for key, data in self.objects(name).items()}

        def disturb(key: str, data: bytes) -> None:
            path = f"/{name}/{quote(f'{PREFIX}/{key}')}"
            self.handle(google_server.Request("PUT", path, {}, data))

        leftovers = partial(self.unfinished_uploads, name)
        return Ground(url, partial(open_store, url), visible, leftovers, disturb)


def _below_prefix(key: str) -> str:
    return key.removeprefix(f"{PREFIX}/")


@contextmanager
def moto() -> Iterator[S3Server]:
    """Moto's threaded server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield S3Server(f"http://{host}:{port}", "moto-login", "moto-password", True)
    finally:
        server.stop()


@contextmanager
def rclone(folder: Path) -> Iterator[S3Server]:
    """``rclone serve s3`` over a folder; it ignores conditions."""
    login, password = "rclone-access-key-id", "rclone-secret-access-key-0123456789"
    with _rclone(folder, "--auth-key", f"{login},{password}") as endpoint:
        yield S3Server(endpoint, login, password, False)


@contextmanager
def google_by_rclone(folder: Path) -> Iterator[GoogleByS3Server]:
    """``rclone serve s3`` over a folder, without keys: Google's XML API is the same protocol."""
    with _rclone(folder) as endpoint:
        yield GoogleByS3Server(endpoint, "any", "any", False)


@contextmanager
def _rclone(folder: Path, *options: str) -> Iterator[str]:
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [program, "serve", "s3", "--addr", address, "--config", os.devnull, *options]
    with running([*command, str(folder)], port):
        yield f"http://{address}"


@contextmanager
def azurite(folder: Path) -> Iterator[AzureServer]:
    """Microsoft's emulator of Azure's blob storage, over a folder."""
    pytest.importorskip("azure.storage.blob", reason="needs the group test-stores")
    program = shutil.which("azurite-blob", path=f"{_NODE_PROGRAMS}:{os.environ['PATH']}")
    if program is None:
        pytest.skip("needs azurite: npm install --no-save --prefix .venv azurite")
    port = free_port()
    command = [
        program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder),
        "--skipApiVersionCheck", "--silent", "--disableTelemetry",
    ]  # fmt: skip
    # The account and the key that every emulator of Azure's has (they are public).
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    with running(command, port):
        yield AzureServer(
            f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};"
            f"BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;"
        )


@contextmanager
def google() -> Iterator[GoogleServer]:
    """Google's XML API in memory, with generations."""
    pytest.importorskip("google.auth", reason="needs the group test-stores")
    with GoogleServer() as server:
        yield server


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """Run a server for as long as the context lasts."""
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert server.poll() is None, f"{command[0]} did not start"
            time.sleep(0.05)
        else:
            raise TimeoutError(f"{command[0]} does not answer")
        yield
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """Return a port of loopback that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
