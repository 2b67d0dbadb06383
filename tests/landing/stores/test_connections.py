"""What obstore gets of an Airflow connection, seen from a server; what it does not get, and why."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import logging
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from certificates import loopback_certificate
from servers import AzureServer, S3Server

pytest.importorskip("obstore")

from airflow_provider_planet_reports.landing.stores.connections import NotCarriedOver
from airflow_provider_planet_reports.landing.stores.object_store import ObjectStore

from airflow_provider_planet_reports.landing.stores import connections as obstore_connections
from airflow_provider_planet_reports.landing.stores.interface import Store, put
from airflow_provider_planet_reports.landing.stores.opening import open_store

KEY, SECRET, TOKEN = "AKIAPLANET0000000000", "5ec2e7-of-the-bucket", "t0ken-of-the-session"
ACCOUNT_KEY = base64.b64encode(b"5ec2e7-of-the-account").decode()


class Listener:
    """A server that says yes to everything and remembers what it was asked."""

    def __init__(self, certificate: str | None = None) -> None:
        self.asked: list[SimpleNamespace] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                listener.asked.append(
                    SimpleNamespace(method=self.command, path=self.path, headers=headers)
                )
                self.send_response(200)
                self.send_header("ETag", '"1"')
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_PUT = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if certificate:
            scheme, context = "https", ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def put(self) -> SimpleNamespace:
        """The last object that was put."""
        return [request for request in self.asked if request.method == "PUT"][-1]

    @contextlib.contextmanager
    def listening(self) -> Iterator[Listener]:
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        yield self
        self._server.shutdown()
        thread.join()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener().listening() as listener:
        yield listener


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    obstore_connections._bucket.cache_clear()
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)


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
        store = lake(extra=extra, **connection)
        assert type(store).__name__ == "ObstoreStore"
        return store

    return opened


def test_an_aws_key_signs(aws: Any, listener: Listener) -> None:
    put(aws(), "a.csv", b"x")
    assert listener.put.path == "/bucket/usage/a.csv"
    assert f"Credential={KEY}/" in listener.put.headers["authorization"]
    assert "/eu-west-1/s3/aws4_request" in listener.put.headers["authorization"]
    assert "x-amz-security-token" not in listener.put.headers
    assert "x-amz-checksum-sha256" not in listener.put.headers


def test_a_small_object_is_one_request(aws: Any, listener: Listener) -> None:
    store = aws()
    listener.asked.clear()
    put(store, "a.csv", b"x" * 8 * 2**20)
    assert len(listener.asked) == 1


def test_an_aws_key_of_a_session_goes_with_its_token(aws: Any, listener: Listener) -> None:
    extra = {
        "aws_access_key_id": "ASIAPLANET",
        "aws_secret_access_key": SECRET,
        "aws_session_token": TOKEN,
    }
    put(aws(extra, login="", password=""), "a.csv", b"x")
    assert "Credential=ASIAPLANET/" in listener.put.headers["authorization"]
    assert listener.put.headers["x-amz-security-token"] == TOKEN


def test_the_endpoint_of_the_service_comes_before_the_connections(
    aws: Any, listener: Listener
) -> None:
    extra = {
        "endpoint_url": "http://127.0.0.1:9",
        "service_config": {"s3": {"endpoint_url": f"{listener.url}/below/"}},
    }
    put(aws(extra), "a.csv", b"x")
    assert listener.put.path == "/below/bucket/usage/a.csv"


def test_unsigned_requests_stay_unsigned_whatever_the_machine_has(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5ec2e7")
    put(aws({"config_kwargs": {"signature_version": "unsigned"}}, login=""), "a.csv", b"x")
    assert "authorization" not in listener.put.headers


def test_what_the_machine_has_does_not_replace_what_the_connection_says(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIAOFTHEMACHINE",
        "AWS_SECRET_ACCESS_KEY": "5ec2e7",
        "AWS_SESSION_TOKEN": "t0ken",
        "AWS_REGION": "sa-east-1",
        "AWS_DEFAULT_REGION": "sa-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/other",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    put(aws(), "a.csv", b"x")
    assert f"Credential={KEY}/" in listener.put.headers["authorization"]
    assert "/eu-west-1/" in listener.put.headers["authorization"]
    assert "x-amz-security-token" not in listener.put.headers


def test_a_role_is_assumed_by_the_hook(
    lake: Any, moto: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    moto.client.create_bucket(Bucket="bucket-of-a-role")
    extra = {
        "region_name": "us-east-1",
        "role_arn": "arn:aws:iam::123456789012:role/lander",
        "endpoint_url": moto.endpoint,
        "service_config": {"sts": {"endpoint_url": moto.endpoint}},
    }
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto.endpoint)
    store = lake("s3://lake@bucket-of-a-role/usage", extra=extra)
    assert type(store).__name__ == "ObstoreStore"
    put(store, "a.csv", b"x")
    assert store.read("a.csv") == b"x"
    assumed = store._bucket.credential_provider()  # type: ignore[attr-defined]
    assert assumed["access_key_id"].startswith("ASIA")
    assert assumed["token"]


def test_credentials_that_are_renewed_while_reports_are_landed_are_asked_for_again(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_planet_reports.landing.stores import aws as obstore_aws

    class Renewed:
        """Credentials as a role's, with a new key each time."""

        times = 0

        def get_frozen_credentials(self) -> SimpleNamespace:
            self.times += 1
            return SimpleNamespace(
                access_key=f"ASIA{self.times}", secret_key=SECRET, token=f"t0ken{self.times}"
            )

    monkeypatch.setattr(obstore_aws, "_SAID_TO_LAST", dt.timedelta(0))
    make = obstore_aws._Credentials
    monkeypatch.setattr(obstore_aws, "_Credentials", lambda _: make(Renewed()))
    store = aws()
    for number in (1, 2):
        put(store, "a.csv", b"x")
        assert f"Credential=ASIA{number}/" in listener.put.headers["authorization"]
        assert listener.put.headers["x-amz-security-token"] == f"t0ken{number}"


class Amazon:
    """Answers botocore in Amazon's place, where a bucket is in this region."""

    def __init__(self, region: str) -> None:
        self._region = region
        self.asked: list[str] = []

    def send(self, request: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from urllib3 import HTTPResponse

        self.asked.append(request.url)
        signed = str(request.headers["Authorization"])
        status = 200 if f"/{self._region}/" in signed else 301
        headers = {"x-amz-bucket-region": self._region}
        return AWSResponse(
            request.url, status, headers, HTTPResponse(BytesIO(), preload_content=False)
        )


@pytest.mark.parametrize(
    ("extra", "endpoint", "virtual"),
    [
        ({}, "https://bucket.s3.eu-west-1.amazonaws.com", True),
        ({"region_name": "eu-west-1"}, "https://bucket.s3.eu-west-1.amazonaws.com", True),
        (
            {"config_kwargs": {"s3": {"addressing_style": "path"}}, "region_name": "eu-west-1"},
            "https://s3.eu-west-1.amazonaws.com",
            False,
        ),
        (
            {"config_kwargs": {"s3": {"use_accelerate_endpoint": True}}},
            "https://bucket.s3-accelerate.amazonaws.com",
            True,
        ),
        (
            {"config_kwargs": {"use_dualstack_endpoint": True}, "region_name": "eu-west-1"},
            "https://bucket.s3.dualstack.eu-west-1.amazonaws.com",
            True,
        ),
    ],
    ids=["another region", "its region", "path", "accelerate", "dual stack"],
)
def test_amazon_is_asked_where_botocore_asks_it(
    lake: Any, extra: dict[str, Any], endpoint: str, virtual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon = Amazon("eu-west-1")
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", amazon.send)
    config = lake(extra=extra)._bucket.config
    assert config["endpoint_url_s3"] == endpoint
    assert config["virtual_hosted_style_request"] == str(virtual).lower()
    assert config["region"] == "eu-west-1"
    assert config["checksum_algorithm"].lower() == "sha256"
    assert len(amazon.asked) <= 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return loopback_certificate(tmp_path_factory.mktemp("tls") / "certificate.pem")


@pytest.mark.parametrize("form", ["verify", "AWS_CA_BUNDLE", "not verified"])
def test_certificates_are_verified_as_the_connection_says(
    lake: Any, certificate: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra: dict[str, Any] = {"region_name": "eu-west-1"}
    if form == "AWS_CA_BUNDLE":
        monkeypatch.setenv("AWS_CA_BUNDLE", certificate)
    else:
        extra["verify"] = certificate if form == "verify" else False
    with Listener(certificate).listening() as listener:
        put(lake(extra={**extra, "endpoint_url": listener.url}), "a.csv", b"x")
        assert f"Credential={KEY}/" in listener.put.headers["authorization"]


def test_certificates_that_nobody_vouches_for_are_refused(
    lake: Any, certificate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(obstore_connections.RETRIES, "max_retries", 0)
    with Listener(certificate).listening() as listener:
        store = lake(extra={"region_name": "eu-west-1", "endpoint_url": listener.url})
        with pytest.raises(OSError, match="error sending request"):
            store.open("a.csv").commit()
        assert listener.asked == []


NOT_CARRIED = {
    "retries": ({"config_kwargs": {"retries": {"max_attempts": 9}}}, "config_kwargs of its"),
    "proxies": ({"config_kwargs": {"proxies": {"http": "http://p"}}}, "has 'proxies'"),
    "payload": ({"config_kwargs": {"s3": {"payload_signing_enabled": True}}}, "config_kwargs.s3"),
    "version": ({"config_kwargs": {"signature_version": "s3"}}, "no signature_version 's3'"),
    "proxy": ({"service_config": {"s3": {"proxy-uri": "http://p"}}}, "has 'proxy-uri'"),
    "folder of certificates": ({"verify": "/etc/ssl/certs"}, "not in one file"),
    "unknown role": ({"role_arn": "r", "assume_role_method": "by magic"}, "can't be read"),
}


@pytest.mark.parametrize(("extra", "reason"), NOT_CARRIED.values(), ids=NOT_CARRIED)
def test_what_of_an_aws_connection_is_not_carried_over_is_the_reason(
    lake: Any, listener: Listener, extra: dict[str, Any], reason: str
) -> None:
    extra = {"endpoint_url": listener.url, "region_name": "eu-west-1", **extra}
    with contextlib.suppress(Exception):  # the fallback may have no use for it either
        lake(extra=extra)
    with pytest.raises(NotCarriedOver, match=reason):
        obstore_connections.bucket("s3", "bucket", "usage", "lake")


@pytest.mark.parametrize(
    ("scheme", "name", "prefix", "reason"),
    [
        ("gs", "bucket", "usage", "not used for gs://"),
        ("s3", "bucket--usw2-az1--x-s3", "usage", "S3 Express"),
        ("s3", "bucket", "usage//planet", "an empty part"),
    ],
)
def test_what_of_a_destination_obstore_can_not_do_is_the_reason(
    scheme: str, name: str, prefix: str, reason: str
) -> None:
    with pytest.raises(NotCarriedOver, match=reason):
        obstore_connections.bucket(scheme, name, prefix, None)


def test_without_any_credentials_obstore_does_not_look_for_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(NotCarriedOver, match="no credentials"):
        obstore_connections.bucket("s3", "bucket", "usage", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SERVER_SIDE_ENCRYPTION", "AES256"),
        ("AWS_SKIP_SIGNATURE", "true"),
        ("AWS_REQUEST_PAYER", "true"),
        ("AWS_PROXY_URL", "http://proxy.example"),
        ("AWS_ALLOW_INVALID_CERTIFICATES", "true"),
        ("AWS_CHECKSUM_ALGORITHM", "none that it knows"),
    ],
)
def test_an_environment_that_obstore_would_follow_is_the_reason(
    lake: Any, name: str, value: str, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    store = lake(extra={"endpoint_url": listener.url, "region_name": "eu-west-1"})
    assert isinstance(store, ObjectStore)
    with pytest.raises(NotCarriedOver, match=f"the environment has {name}"):
        obstore_connections.bucket("s3", "bucket", "usage", "lake")


def test_one_line_says_which_is_used_and_why(
    lake: Any, listener: Listener, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = "airflow_provider_planet_reports.landing.stores.opening"
    extra = {"endpoint_url": listener.url, "region_name": "eu-west-1"}
    with caplog.at_level(logging.INFO, logger):
        lake(extra=extra)
        obstore_connections._bucket.cache_clear()
        for name in [name for name in sys.modules if name.split(".")[0] == "obstore"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delitem(sys.modules, "airflow_provider_planet_reports.landing.stores.aws")
        monkeypatch.setitem(sys.modules, "obstore", None)
        assert isinstance(lake(extra=extra), ObjectStore)
    said = [record.getMessage() for record in caplog.records if record.name == logger]
    assert said == [
        "s3://bucket/usage goes through obstore.",
        "s3://bucket/usage goes through Airflow's ObjectStoragePath: obstore is not installed.",
    ]


FORKED = """
    import os, sys
    from airflow_provider_planet_reports.landing.stores.opening import open_store
    from airflow_provider_planet_reports.landing.stores.interface import put

    for process in ("first", "forked"):
        store = open_store("s3://lake@bucket/usage")
        put(store, "a.csv", b"x")
        print(process, type(store).__name__, flush=True)
        if process == "first" and os.fork():
            sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_process_forked_from_one_that_uses_obstore_does_not(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would wait for ever: threads do not live through a fork."""
    extra = {"endpoint_url": listener.url, "region_name": "eu-west-1"}
    connection = {"conn_type": "aws", "login": KEY, "password": SECRET, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    python = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORKED)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    said = [line for line in python.stdout.splitlines() if line.startswith(("first", "forked"))]
    assert said == ["first ObstoreStore", "forked ObjectStore"]


def test_no_key_is_in_what_is_shown(
    lake: Any, rclone: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    rclone.client.create_bucket(Bucket="bucket-with-a-lock")
    with caplog.at_level(logging.DEBUG, "airflow_provider_planet_reports"):
        store = lake(
            "s3://lake@bucket-with-a-lock/usage",
            extra={"endpoint_url": rclone.endpoint, "region_name": "us-east-1"},
        )
        with pytest.raises(PermissionError) as refusal:
            put(store, "a.csv", b"x")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("airflow_provider_planet")]
    shown = f"{store!r} {store._bucket!r} {refusal.value} {ours}"  # type: ignore[attr-defined]
    assert "403" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    for secret in ("lake", KEY, SECRET):
        assert secret not in shown


# Azure


@pytest.fixture
def azure(lake: Any) -> Any:
    """Opens a container by an Azure connection."""

    def opened(**connection: Any) -> Store:
        connection = {"conn_type": "wasb", "login": "", "password": "", **connection}
        store = lake("abfs://lake@box/usage", **connection)
        assert type(store).__name__ == "ObstoreStore"
        return store

    pytest.importorskip("azure.storage.blob")
    return opened


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
def test_the_key_of_an_azure_account_is_carried_over(
    azure: Any, connection: dict[str, Any]
) -> None:
    bucket = azure(**connection)._bucket
    assert bucket.credential_provider() == {"access_key": ACCOUNT_KEY, "expires_at": None}
    assert bucket.config["account_name"] == "planet"
    assert bucket.config["endpoint"].rstrip("/") == "https://planet.blob.core.windows.net"


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
def test_a_shared_access_signature_is_carried_over(azure: Any, connection: dict[str, Any]) -> None:
    bucket = azure(**connection)._bucket
    assert bucket.credential_provider() == {"sas_token": SIGNATURE, "expires_at": None}
    assert bucket.config["endpoint"].rstrip("/") == "https://planet.blob.core.windows.net"


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
    assert type(store).__name__ == "ObstoreStore"
    put(store, "a/b.csv", b"x")
    assert [entry.key for entry in store.list("a/")] == ["a/b.csv"]
    assert store.read("a/b.csv") == b"x"
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
    monkeypatch.setattr(ClientSecretCredential, "get_token", lambda self, scope: next(given))
    extra = {"tenant_id": "11111111-2222-3333-4444-555555555555"}
    provider = azure(
        login="app", password="5ec2e7", host="planet.blob.core.windows.net", extra=extra
    )
    for number in (1, 2):
        assert provider._bucket.credential_provider() == {
            "token": f"t0ken{number}",
            "expires_at": dt.datetime.fromtimestamp(1800000000 + number, dt.timezone.utc),
        }


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        ({"login": "planet"}, "signs in by"),
        (
            {"password": ACCOUNT_KEY, "extra": {"proxies": {"https": "p"}}},
            "extra of its connection",
        ),
        ({"conn_type": "azure_data_lake", "password": ACCOUNT_KEY}, "type azure_data_lake"),
        ({"extra": {"connection_string": "nonsense"}}, r"can't be read \(ValueError\)"),
    ],
)
def test_what_of_an_azure_connection_is_not_carried_over_is_the_reason(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], reason: str
) -> None:
    pytest.importorskip("azure.storage.blob")
    connection = {"conn_type": "wasb", "login": "planet", **connection}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    with pytest.raises(NotCarriedOver, match=reason):
        obstore_connections.bucket("abfs", "box", "usage", "lake")


def test_what_the_machine_has_does_not_replace_what_the_azure_connection_says(
    azure: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AZURE_AUTHORITY_HOST": "http://127.0.0.1:9",
        "AZURE_CLIENT_ID": "other",
        "AZURE_CLIENT_SECRET": "5ec2e7",
        "AZURE_FEDERATED_TOKEN_FILE": "/nowhere",
        "AZURE_STORAGE_ACCOUNT_KEY": base64.b64encode(b"other").decode(),
        "AZURE_STORAGE_ACCOUNT_NAME": "other",
        "AZURE_STORAGE_SAS_TOKEN": "sig=other",
        "AZURE_TENANT_ID": "other",
    }.items():
        monkeypatch.setenv(name, value)
    connection_string = (
        f"AccountName=planet;AccountKey={ACCOUNT_KEY};BlobEndpoint={listener.url}/planet"
    )
    put(azure(extra={"connection_string": connection_string}), "a.csv", b"x")
    assert listener.put.path == "/planet/box/usage/a.csv"
    assert listener.put.headers["authorization"].startswith("SharedKey planet:")


def test_without_a_connection_azure_is_not_for_obstore() -> None:
    pytest.importorskip("azure.storage.blob")
    with pytest.raises(NotCarriedOver, match="no connection is named"):
        obstore_connections.bucket("abfs", "box", "usage", None)


def test_azures_environment_is_the_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("azure.storage.blob")
    connection = {"conn_type": "wasb", "login": "planet", "password": ACCOUNT_KEY}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    monkeypatch.setenv("AZURE_STORAGE_USE_EMULATOR", "true")
    with pytest.raises(NotCarriedOver, match="AZURE_STORAGE_USE_EMULATOR"):
        obstore_connections.bucket("abfs", "box", "usage", "lake")
