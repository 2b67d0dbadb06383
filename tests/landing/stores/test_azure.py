"""What of an Azure connection reaches the store; what is refused, and how."""

from __future__ import annotations

import base64
import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
from listener import Listener
from servers import AzureServer, free_port

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.errors import DestinationError, DestinationRefused
from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.stores.opening import open_store

pytest.importorskip("azure.storage.blob")

ACCOUNT_KEY = base64.b64encode(b"5ec2e7-of-the-account").decode()
PLANET = "https://planet.blob.core.windows.net"


@pytest.fixture
def azure(lake: Any) -> Any:
    """Opens a container by an Azure connection."""

    def opened(**connection: Any) -> Store:
        connection = {"conn_type": "wasb", "login": "", "password": "", **connection}
        store: Store = lake("abfs://lake@box/usage", **connection)
        return store

    return opened


def to(listener: Listener, **extra: Any) -> dict[str, Any]:
    """A connection that leads to a listener."""
    account = f"AccountName=planet;AccountKey={ACCOUNT_KEY};BlobEndpoint={listener.url}/planet"
    return {"extra": {"connection_string": account, **extra}}


# Who asks

AZURE_KEYS: dict[str, dict[str, Any]] = {
    "connection string": {
        "extra": {
            "connection_string": "DefaultEndpointsProtocol=https;AccountName=planet;"
            f"AccountKey={ACCOUNT_KEY};EndpointSuffix=core.windows.net"
        }
    },
    "login and password": {"login": "planet", "password": ACCOUNT_KEY},
    "shared access key": {"login": "planet", "extra": {"shared_access_key": ACCOUNT_KEY}},
    "host": {
        "login": "planet", "host": "planet.blob.core.windows.net", "password": ACCOUNT_KEY,
    },
}  # fmt: skip


@pytest.mark.parametrize("connection", AZURE_KEYS.values(), ids=AZURE_KEYS)
def test_an_account_key_signs(azure: Any, connection: dict[str, Any]) -> None:
    bucket = azure(**connection).bucket
    assert bucket.credential_provider() == {"access_key": ACCOUNT_KEY, "expires_at": None}
    assert bucket.config["account_name"] == "planet"
    assert bucket.config["endpoint"].rstrip("/") == PLANET


def test_what_is_sent_is_signed_by_the_account(azure: Any, listener: Listener) -> None:
    azure(**to(listener)).put_always("a.csv", b"x")
    assert listener.put.path == "/planet/box/usage/a.csv"
    assert listener.put.headers["authorization"].startswith("SharedKey planet:")


SIGNATURE = "sv=2025-11-05&sr=c&sig=5ec2e7%2F%3D"
AZURE_SIGNATURES: dict[str, dict[str, Any]] = {
    "field": {"login": "planet", "extra": {"sas_token": SIGNATURE}},
    "question mark": {"login": "planet", "extra": {"sas_token": f"?{SIGNATURE}"}},
    "url": {
        "login": "planet",
        "extra": {"sas_token": f"https://planet.blob.core.windows.net/?{SIGNATURE}"},
    },
    "connection string": {
        "extra": {
            "connection_string": "BlobEndpoint=https://planet.blob.core.windows.net;"
            f"SharedAccessSignature={SIGNATURE}"
        }
    },
}


@pytest.mark.parametrize("connection", AZURE_SIGNATURES.values(), ids=AZURE_SIGNATURES)
def test_a_shared_access_signature_is_used(azure: Any, connection: dict[str, Any]) -> None:
    bucket = azure(**connection).bucket
    assert bucket.credential_provider() == {"sas_token": SIGNATURE, "expires_at": None}
    assert bucket.config["endpoint"].rstrip("/") == PLANET


def test_with_a_shared_access_signature_the_account_need_not_be_known(azure: Any) -> None:
    extra = {"sas_token": SIGNATURE}
    bucket = azure(login="", password="", host="https://data.example", extra=extra).bucket
    assert bucket.credential_provider() == {"sas_token": SIGNATURE, "expires_at": None}
    assert bucket.config["endpoint"].rstrip("/") == "https://data.example"


def test_a_shared_access_signature_is_enough_for_all_that_is_done(
    azurite: AzureServer, lake: Any
) -> None:
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas

    client = azurite.client
    client.create_container("signed")
    signature = generate_container_sas(
        client.account_name, "signed", account_key=client.credential.account_key,
        permission=ContainerSasPermissions.from_string("rwdl"),
        expiry=dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1),
    )  # fmt: skip
    connection_string = f"BlobEndpoint={client.url};SharedAccessSignature={signature}"
    store = lake(
        "abfs://lake@signed/usage", conn_type="wasb", login="", password="",
        extra={"connection_string": connection_string},
    )  # fmt: skip
    store.put("a/b.csv", b"x", replaces=None)
    assert [entry.key for entry in store.list("a/")] == ["a/b.csv"]
    assert store.read("a/b.csv").data == b"x"
    with pytest.raises(DestinationError) as conflict:
        store.put("a/b.csv", b"x", replaces=None)
    assert "sig=" not in str(conflict.value)
    store.delete("a/b.csv")
    assert list(store.list("")) == []
    with pytest.raises(FileNotFoundError) as missing:
        store.read("a/b.csv")
    assert "sig=" not in str(missing.value)


def test_a_service_principal_gives_tokens_whenever_one_is_needed(
    azure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.identity import ClientSecretCredential

    given = iter([SimpleNamespace(token=f"t0ken{n}", expires_on=1800000000 + n) for n in (1, 2)])
    monkeypatch.setattr(ClientSecretCredential, "get_token", lambda *_, **__: next(given))
    extra = {"tenant_id": "11111111-2222-3333-4444-555555555555"}
    store = azure(login="app", password="5ec2e7", host=PLANET, extra=extra)
    for number in (1, 2):
        assert store.bucket.credential_provider() == {
            "token": f"t0ken{number}",
            "expires_at": dt.datetime.fromtimestamp(1800000000 + number, dt.timezone.utc),
        }


def test_a_managed_identity_signs_in_where_nothing_else_is_given(
    azure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from azure.identity import DefaultAzureCredential

    given = SimpleNamespace(token="t0ken-of-the-machine", expires_on=1800000000)
    monkeypatch.setattr(DefaultAzureCredential, "get_token", lambda *_, **__: given)
    store = azure(login="planet", extra={"managed_identity_client_id": "m"})
    assert store.bucket.credential_provider()["token"] == "t0ken-of-the-machine"


def test_what_the_machine_has_does_not_replace_what_the_connection_says(
    azure: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AZURE_AUTHORITY_HOST": "http://127.0.0.1:9",
        "AZURE_CLIENT_ID": "other",
        "AZURE_CLIENT_SECRET": "5ec2e7",
        "AZURE_FEDERATED_TOKEN_FILE": "/nowhere",
        "AZURE_SKIP_SIGNATURE": "true",
        "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"other").decode(),
        "AZURE_STORAGE_ACCOUNT_NAME": "other",
        "AZURE_STORAGE_ENDPOINT": "http://127.0.0.1:9",
        "AZURE_STORAGE_SAS_TOKEN": "sig=other",
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_TENANT_ID": "other",
    }.items():
        monkeypatch.setenv(name, value)
    azure(**to(listener)).put_always("a.csv", b"x")
    assert listener.put.path == "/planet/box/usage/a.csv"
    assert listener.put.headers["authorization"].startswith("SharedKey planet:")


# How the server is reached


@pytest.mark.parametrize("form", ["connection_verify", "REQUESTS_CA_BUNDLE", "not at all"])
def test_certificates_are_verified_as_connection_and_machine_say(
    azure: Any, certificate: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra: dict[str, Any] = {"connection_verify": certificate} if form[0] == "c" else {}
    if form == "not at all":
        extra = {"connection_verify": False}
    elif form == "REQUESTS_CA_BUNDLE":
        monkeypatch.setenv(form, certificate)
    with Listener(certificate).listening() as listener:
        azure(**to(listener, **extra)).put_always("a.csv", b"x")
        assert listener.put.path == "/planet/box/usage/a.csv"


def test_an_untrusted_certificate_is_named(azure: Any, certificate: str) -> None:
    with Listener(certificate).listening() as listener:
        store = azure(**to(listener))
        with pytest.raises(DestinationRefused, match=r"^Unknown certificate authority: set verify"):
            store.read("a.csv")


@pytest.mark.parametrize("form", ["proxies", "HTTP_PROXY"])
def test_a_proxy_is_used(
    azure: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    away = SimpleNamespace(url="http://azure.example")
    if form == "HTTP_PROXY":
        monkeypatch.setenv(form, listener.url)
        store = azure(**to(away))
    else:
        store = azure(**to(away, proxies={"http": listener.url}))
    store.put_always("a.csv", b"x")
    assert listener.put.path == "http://azure.example/planet/box/usage/a.csv"


def test_a_dead_proxy_is_named(azure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_planet_reports.landing.stores import settings

    monkeypatch.setattr(settings.opened, "__defaults__", (0,))
    dead = f"http://127.0.0.1:{free_port()}"
    away = SimpleNamespace(url="https://azure.example")
    with pytest.raises(DestinationError, match=r"^No way through the proxy: check HTTPS_PROXY"):
        azure(**to(away, proxies={"https": dead})).read("a.csv")


# What is refused


@pytest.mark.parametrize(
    ("connection", "says"),
    [
        ({"extra": {"encryption_scope": "s"}}, "'encryption_scope' in the extra of connection"),
        ({"extra": {"require_encryption": True}}, "'require_encryption' in the extra of"),
        ({"extra": {"key_encryption_key": "k"}}, "'key_encryption_key' in the extra of"),
        ({"extra": {"audience": "a"}}, "'audience' in the extra of connection 'lake' is not sup"),
        (
            {"conn_type": "aws"},
            "Wrong connection type 'aws': name one",
        ),
        ({"extra": {"connection_string": "nonsense"}}, "Connection 'lake' cannot be used: check"),
    ],
)
def test_what_can_not_be_followed_is_refused_with_what_to_do(
    azure: Any, connection: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        azure(**{"login": "planet", "password": ACCOUNT_KEY, **connection})
    assert str(refusal.value).startswith(says)
    assert ACCOUNT_KEY not in str(refusal.value)


def test_without_a_connection_there_is_no_account() -> None:
    with pytest.raises(
        InvalidInput, match="Azure needs a connection: set destination_conn_id for abfs://box"
    ):
        open_store("abfs://box/usage")


def test_a_rotated_key_is_noticed_by_the_next_to_open_the_container(azure: Any) -> None:
    azure(login="planet", password=ACCOUNT_KEY)
    rotated = base64.b64encode(b"rotated").decode()
    store = azure(login="planet", password=rotated)
    assert store.bucket.credential_provider()["access_key"] == rotated


def test_settings_that_make_no_difference_are_ignored(azure: Any, listener: Listener) -> None:
    azure(**to(listener, max_block_size=1024, unknown="x")).put_always("a.csv", b"x")
    assert listener.put.path == "/planet/box/usage/a.csv"
