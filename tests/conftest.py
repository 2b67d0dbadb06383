"""What all tests share: an Airflow of their own, the sandbox as API, real object stores."""

from __future__ import annotations

# First of all: Airflow reads its configuration when something imports it.
from surroundings import AIRFLOW_HOME, connect  # isort: skip

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
from grounds import Ground, local_ground
from postgres import PostgresServer
from postgres import postgres as postgres_server
from servers import AzureServer, GoogleServer, S3Server

#: Every kind of store; those whose server or packages are not installed are skipped.
STORES = ["file", "moto", "rclone", "azurite", "google", "google_by_rclone"]


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


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    """Moto's threaded server."""
    with servers.moto() as server:
        yield server


@pytest.fixture(scope="session")
def rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """``rclone serve s3`` over a folder."""
    with servers.rclone(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AzureServer]:
    """Microsoft's emulator of Azure's blob storage."""
    with servers.azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="session")
def google() -> Iterator[GoogleServer]:
    """Google's XML API in memory, with generations."""
    with servers.google() as server:
        yield server


@pytest.fixture(scope="session")
def google_by_rclone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """``rclone serve s3`` without keys, as Google Cloud Storage."""
    pytest.importorskip("google.auth", reason="needs the group test-stores")
    with servers.google_by_rclone(tmp_path_factory.mktemp("google")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=STORES)
def ground(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Ground:
    """An empty destination on each kind of store."""
    if request.param == "file":
        return local_ground(tmp_path / "landing")
    server = request.getfixturevalue(request.param)
    monkeypatch.setenv(f"AIRFLOW_CONN_{request.param.upper()}", json.dumps(server.connection))
    return server.ground(request.param)
