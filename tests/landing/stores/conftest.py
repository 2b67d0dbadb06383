"""A listener, and stores that a connection leads to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import loopback_certificate
from listener import Listener

from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.stores.opening import open_store

KEY, SECRET = "AKIAPLANET0000000000", "5ec2e7-of-the-bucket"


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().listening() as listener:
        yield listener


@pytest.fixture(autouse=True)
def _nothing_from_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_")) or name.endswith(("_PROXY", "_BUNDLE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the connection ``lake``, and opens the store that it leads to."""

    def opened(url: str = "s3://lake@bucket/usage", **connection: Any) -> Store:
        connection = {"conn_type": "aws", "login": KEY, "password": SECRET, **connection}
        monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
        return open_store(url)

    return opened


@pytest.fixture
def aws(lake: Any, listener: Listener) -> Any:
    """Opens a bucket by a connection with this extra."""

    def opened(extra: dict[str, Any] | None = None, **connection: Any) -> Store:
        extra = {"endpoint_url": listener.url, "region_name": "eu-west-1", **(extra or {})}
        return lake(extra=extra, **connection)

    return opened


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with a certificate for loopback, and its key."""
    return loopback_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem")
