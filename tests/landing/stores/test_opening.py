"""From what a user writes to a store, or to a message that says what to write instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_planet_reports.connections import ConnectionNotFound
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.landing.stores.opening import open_store


@pytest.fixture
def lake(moto: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket; the connection ``lake`` leads to it."""
    connection = {
        "conn_type": "aws",
        "login": moto.login,
        "password": moto.password,
        "extra": {
            "endpoint_url": moto.endpoint,
            "region_name": "us-east-1",
            "config_kwargs": {"s3": {"addressing_style": "path"}},
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    moto.client.create_bucket(Bucket="lake-bucket")
    return "lake-bucket"


@pytest.mark.parametrize("form", ["url", "plain path", "ObjectStoragePath"])
def test_a_local_destination_may_be_written_in_each_form(tmp_path: Path, form: str) -> None:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    root = tmp_path / "pla?net #1"
    written = {
        "url": f"file://{root}",
        "plain path": f" {root} ",
        "ObjectStoragePath": ObjectStoragePath(f"file://{tmp_path}") / "pla?net #1",
    }
    store = open_store(written[form])
    store.put_always("a.csv", b"x")
    assert isinstance(store, LocalStore)
    assert (root / "a.csv").read_bytes() == b"x"
    assert store.uri("a.csv") == f"file://{root}/a.csv"


@pytest.mark.parametrize(
    ("url", "conn_id"),
    [
        ("s3://lake@lake-bucket/usage/planet", None),
        ("s3://lake-bucket/usage/planet/", "lake"),
        ("s3://lake@lake-bucket/usage/planet//", "lake"),
    ],
)
@pytest.mark.parametrize("as_path", [False, True], ids=["url", "ObjectStoragePath"])
def test_the_connection_leads_to_the_bucket_and_is_in_no_address(
    moto: Any, lake: str, url: str, conn_id: str | None, as_path: bool
) -> None:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    # On Airflow 2 a conn_id of None would overrule the URL's.
    named = {"conn_id": conn_id} if conn_id else {}
    destination = ObjectStoragePath(url, **named) if as_path else url
    store = open_store(destination, conn_id)
    store.put_always("_receipts/a.json", b"{}")
    found = moto.client.get_object(Bucket=lake, Key="usage/planet/_receipts/a.json")
    assert found["Body"].read() == b"{}"
    assert [entry.key for entry in store.list("_receipts/")] == ["_receipts/a.json"]
    assert store.uri("_receipts/a.json") == "s3://lake-bucket/usage/planet/_receipts/a.json"


def test_a_whole_bucket_may_be_the_destination(moto: Any, lake: str) -> None:
    store = open_store("s3://lake@lake-bucket")
    store.put_always("at-the-top.csv", b"x")
    assert store.uri("a") == "s3://lake-bucket/a"
    assert moto.client.get_object(Bucket=lake, Key="at-the-top.csv")["Body"].read() == b"x"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "has no scheme"),
        ("planet/usage", "has no scheme"),
        ("s3:/bucket/planet", "has no scheme"),
        ("C:\\planet", "has no scheme"),
        ("http://bucket/planet", "unknown scheme 'http': .* must be one of file, s3"),
        ("memory://planet", "unknown scheme 'memory'"),
        ("s3://", "names no bucket"),
        ("s3:///planet", "names no bucket"),
        ("s3://conn@/planet", "names no bucket"),
        ("file://", "three slashes"),
        ("file:///", "three slashes"),
        ("/", "three slashes"),
        ("file://planet/usage", "three slashes"),
        ("s3://bucket/../other", r"must not have '\.\.'"),
        ("/data/../etc", r"must not have '\.\.'"),
        ("s3://[bucket/planet", "names no bucket"),
        ("s3://bucket/usage//planet", "must not have '..' or '//'"),
    ],
)
def test_what_leads_nowhere_is_refused_with_an_example(url: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        open_store(url)
    assert refusal.value.final


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIA7:5ec2e7@bucket/planet",
        "s3://:5ec2e7@bucket/planet",
        "file://user:5ec2e7@localhost/data",
        "s3://AKIA7:abc/5ec2e7@bucket/planet",
        "s3://AKIA7:abc[5ec2e7@bucket/planet",
        "s3:/AKIA7:5ec2e7@bucket/planet",
    ],
)
def test_credentials_in_the_url_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        open_store(url)
    assert "5ec2e7" not in str(refusal.value)
    assert "credentials in its URL" in str(refusal.value)


@pytest.mark.parametrize("destination", [None, 7, Path("/data"), ["s3://bucket"]])
def test_anything_else_than_a_url_or_an_object_storage_path_is_refused(destination: Any) -> None:
    with pytest.raises(InvalidInput, match="must be an ObjectStoragePath or its URL"):
        open_store(destination)


def test_two_connections_are_one_too_many() -> None:
    with pytest.raises(InvalidInput, match=r"Two connections .* lake and pond") as refusal:
        open_store("s3://lake@bucket/planet", "pond")
    assert refusal.value.final


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("s3://pond@bucket/x", "amazon"),
        ("gs://pond@bucket/x", "google"),
        ("abfs://pond@box/x", "microsoft.azure"),
    ],
)
def test_a_connection_that_does_not_exist_is_not_replaced_by_default_credentials(
    airflow_db: None, url: str, provider: str
) -> None:
    pytest.importorskip(f"airflow.providers.{provider}", reason="needs another provider")
    with pytest.raises(ConnectionNotFound, match=r"^Connection 'pond' not found: create it"):
        open_store(url)


WITHOUT_PACKAGES = """
    import sys

    # As if not installed.
    hooks = ("amazon.aws.hooks.s3", "google.common.hooks.base_google", "microsoft.azure.hooks.wasb")
    sys.modules.update(dict.fromkeys(f"airflow.providers.{hook}" for hook in hooks))

    from airflow_provider_planet_reports.errors import InvalidInput
    from airflow_provider_planet_reports.landing.stores.opening import open_store

    for scheme in ("s3", "gs", "abfs"):
        try:
            open_store(f"{scheme}://pond@bucket/planet")
        except InvalidInput as refusal:
            print(refusal)
"""


def test_a_missing_extra_is_said_before_a_missing_connection() -> None:
    python = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WITHOUT_PACKAGES)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    refusals = [line for line in python.stdout.splitlines() if "://" in line]
    assert len(refusals) == 3, python.stdout
    for refusal, scheme, extra in zip(
        refusals, ("s3", "gs", "abfs"), ("s3", "gcs", "azure"), strict=True
    ):
        install = f"pip install 'airflow-provider-planet-reports[{extra}]'"
        assert refusal.startswith(f"Missing package: {install}, which {scheme}:// needs")


def test_a_changed_connection_is_read_anew_and_an_unchanged_one_is_not(
    lake: str, moto: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "s3://lake@lake-bucket/usage"
    first, second = open_store(url), open_store(url)
    assert first is not second  # each can be cancelled without the other
    assert first.bucket is second.bucket  # type: ignore[attr-defined]
    changed = json.loads(os.environ["AIRFLOW_CONN_LAKE"]) | {"password": "rotated"}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(changed))
    third = open_store(url)
    assert third.bucket is not first.bucket  # type: ignore[attr-defined]
    first.cancel()
    second.put_always("a.csv", b"x")
