"""What of a Google connection reaches the store; what is refused, and how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from listener import Listener

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.errors import DestinationRefused
from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.stores.opening import open_store

pytest.importorskip("google.auth")


@pytest.fixture(scope="module")
def private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    return (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


@pytest.fixture
def key(private_key: str, listener: Listener) -> dict[str, str]:
    """A service account's key; its tokens come from the listener."""
    return {
        "type": "service_account",
        "project_id": "planet-test",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "lander@planet-test.iam.example",
        "token_uri": f"{listener.url}/token",
    }


@pytest.fixture
def google(lake: Any, listener: Listener) -> Any:
    """Opens a bucket by a Google connection with this extra."""

    def opened(**extra: Any) -> Store:
        store: Store = lake(
            "gs://lake@bucket/usage", conn_type="google_cloud_platform", login="", password="",
            extra={"gcs.endpoint": listener.url, **extra},
        )  # fmt: skip
        return store

    return opened


@pytest.mark.parametrize("form", ["keyfile_dict", "as text", "key_path"])
def test_a_service_accounts_key_gives_tokens(
    google: Any, listener: Listener, key: dict[str, str], form: str, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    extra = {
        "keyfile_dict": {"keyfile_dict": key},
        "as text": {"keyfile_dict": json.dumps(key)},
        "key_path": {"key_path": str(tmp_path / "key.json")},
    }[form]
    google(**extra).put_always("a.csv", b"x")
    assert unquote(listener.put.path) == "/bucket/usage/a.csv"
    assert listener.put.headers["authorization"] == "Bearer t0ken"
    assert "x-goog-user-project" not in listener.put.headers


def test_without_a_connection_the_machines_own_credentials_are_used(
    key: dict[str, str], listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    store = open_store("gs://bucket/usage")
    assert store.bucket.credential_provider()["token"] == "t0ken"  # type: ignore[attr-defined]


def test_anonymous_requests_are_not_signed_whatever_the_machine_has(
    google: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch, key: dict[str, str]
) -> None:
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(key))
    google(is_anonymous=True).put_always("a.csv", b"x")
    assert unquote(listener.put.path) == "/bucket/usage/a.csv"
    assert listener.put.headers["authorization"] == "Bearer "  # of nobody


@pytest.mark.parametrize(
    ("extra", "project"),
    [
        ({"quota_project_id": "payer-project"}, "payer-project"),
        ({"gcs.requester-pays": True, "project": "own-project"}, "own-project"),
    ],
)
def test_the_project_that_pays_is_named(
    google: Any, listener: Listener, key: dict[str, str], extra: dict[str, Any], project: str
) -> None:
    google(keyfile_dict=key, **extra).put_always("a.csv", b"x")
    assert listener.put.headers["x-goog-user-project"] == project


def test_an_update_names_the_generation(google: Any, listener: Listener, key: Any) -> None:
    from airflow_provider_planet_reports.landing.stores.interface import Revision

    store = google(keyfile_dict=key)
    store.put("_receipts/a.json", b"{}", replaces=Revision(e_tag='"1"', version="1700"))
    assert listener.put.headers["x-goog-if-generation-match"] == "1700"
    store.put("_receipts/a.json", b"{}", replaces=None)
    assert listener.put.headers["x-goog-if-generation-match"] == "0"


@pytest.mark.parametrize("name", ["gcs.access", "gcs.oauth2.token", "gcs.session-kwargs"])
def test_what_can_not_be_followed_is_refused_and_not_shown(google: Any, name: str) -> None:
    with pytest.raises(InvalidInput, match=f"'{name}' in the extra of connection") as refusal:
        google(is_anonymous=True, **{name: "5ec2e7"})
    assert "5ec2e7" not in str(refusal.value)


def test_what_makes_no_difference_is_ignored(google: Any, listener: Listener) -> None:
    harmless = {"gcs.consistency": "none", "gcs.version-aware": "true", "num_retries": 3, "x": 1}
    google(is_anonymous=True, **harmless).put_always("a.csv", b"x")
    assert unquote(listener.put.path) == "/bucket/usage/a.csv"


def test_a_proxy_is_used(google: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", listener.url)
    google(is_anonymous=True, **{"gcs.endpoint": "http://google.example"}).put_always("a", b"x")
    assert unquote(listener.put.path) == "http://google.example/bucket/usage/a"


def test_certificates_of_a_companys_own_authority(
    google: Any, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener(certificate).listening() as listener:
        extra = {"gcs.endpoint": listener.url, "is_anonymous": True}
        with pytest.raises(DestinationRefused, match=r"^Unknown certificate authority: set verify"):
            google(**extra).read("a.csv")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
        google(**extra).put_always("a.csv", b"x")
        assert unquote(listener.put.path) == "/bucket/usage/a.csv"


@pytest.mark.parametrize(
    ("extra", "says"),
    [
        ({"keyfile_dict": "{broken"}, "Invalid key JSON"),
        ({"keyfile_dict": {"type": "service_account"}}, "private_key"),
        ({"key_path": "/no/such/key.json"}, "/no/such/key.json"),
        ({"gcs.session-kwargs": {"proxy": "p"}}, "'gcs.session-kwargs' in the extra of connection"),
    ],
)
def test_a_broken_key_is_refused_with_what_is_wrong(google: Any, extra: Any, says: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        google(**extra)
    assert says in str(refusal.value)
    assert "'lake'" in str(refusal.value)[:60]
    assert "\n" not in str(refusal.value)
