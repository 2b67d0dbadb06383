"""What of an AWS connection reaches S3, seen from a server; what is refused, and how."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from listener import Listener
from servers import S3Server, free_port

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.errors import DestinationError, DestinationRefused
from airflow_provider_planet_reports.landing.stores.opening import open_store

KEY, SECRET, TOKEN = "AKIAPLANET0000000000", "5ec2e7-of-the-bucket", "t0ken-of-the-session"
MIB = 2**20

# Who asks


def test_an_aws_key_signs(aws: Any, listener: Listener) -> None:
    aws().put_always("a.csv", b"x")
    assert listener.put.path == "/bucket/usage/a.csv"
    assert f"Credential={KEY}/" in listener.put.headers["authorization"]
    assert "/eu-west-1/s3/aws4_request" in listener.put.headers["authorization"]
    assert "x-amz-security-token" not in listener.put.headers


def test_a_small_object_is_one_request(aws: Any, listener: Listener) -> None:
    store = aws()
    listener.asked.clear()
    store.put_always("a.csv", b"x" * 8 * 2**20)
    assert len(listener.asked) == 1


@pytest.mark.parametrize(
    ("name", "kind"), [("index.html", "text/html"), ("a", "application/octet-stream")]
)
def test_a_small_object_is_what_its_name_says(
    aws: Any, listener: Listener, name: str, kind: str
) -> None:
    """Else browsers would save a page instead of showing it."""
    aws().put_always(name, b"x")
    assert listener.put.headers["content-type"] == kind


def test_an_aws_key_of_a_session_goes_with_its_token(aws: Any, listener: Listener) -> None:
    extra = {
        "aws_access_key_id": "ASIAPLANET",
        "aws_secret_access_key": SECRET,
        "aws_session_token": TOKEN,
    }
    aws(extra, login="", password="").put_always("a.csv", b"x")
    assert "Credential=ASIAPLANET/" in listener.put.headers["authorization"]
    assert listener.put.headers["x-amz-security-token"] == TOKEN


def test_the_endpoint_of_the_service_comes_before_the_connections(
    aws: Any, listener: Listener
) -> None:
    extra = {
        "endpoint_url": "http://127.0.0.1:9",
        "service_config": {"s3": {"endpoint_url": f"{listener.url}/below/"}},
    }
    aws(extra).put_always("a.csv", b"x")
    assert listener.put.path == "/below/bucket/usage/a.csv"


def test_unsigned_requests_stay_unsigned_whatever_the_machine_has(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEMACHINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5ec2e7")
    aws({"config_kwargs": {"signature_version": "unsigned"}}, login="").put_always("a.csv", b"x")
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
    aws().put_always("a.csv", b"x")
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
    store.put_always("a.csv", b"x")
    assert store.read("a.csv").data == b"x"
    assumed = store.bucket.credential_provider()  # type: ignore[attr-defined]
    assert assumed["access_key_id"].startswith("ASIA")
    assert assumed["token"]


def test_a_profile_of_the_machine_is_used_where_the_connection_names_it(
    aws: Any, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "credentials").write_text(
        "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = 5ec2e7\n"
    )
    aws({"profile_name": "other"}, login="", password="").put_always("a.csv", b"x")
    assert "Credential=AKIAOTHER/" in listener.put.headers["authorization"]


def test_credentials_are_asked_for_again_before_botocore_renews_them(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime as dt

    from airflow_provider_planet_reports.landing.stores import amazon

    assert dt.timedelta(minutes=10) == amazon._TO_LAST
    monkeypatch.setattr(amazon, "_TO_LAST", dt.timedelta(0))
    numbers = iter(range(1, 9))

    def frozen(_: Any) -> SimpleNamespace:
        number = next(numbers)
        return SimpleNamespace(access_key=f"ASIA{number}", secret_key=SECRET, token=f"t{number}")

    monkeypatch.setattr("botocore.credentials.Credentials.get_frozen_credentials", frozen)
    store = aws()
    for number in (1, 2):
        store.put_always("a.csv", b"x")
        assert f"Credential=ASIA{number}/" in listener.put.headers["authorization"]
        assert listener.put.headers["x-amz-security-token"] == f"t{number}"


def test_a_rotated_key_is_noticed_by_the_next_to_open_the_bucket(
    aws: Any, listener: Listener
) -> None:
    aws().put_always("a.csv", b"x")
    aws(login="AKIAROTATED").put_always("a.csv", b"x")
    assert "Credential=AKIAROTATED/" in listener.put.headers["authorization"]


def test_without_credentials_nothing_is_tried(aws: Any, listener: Listener) -> None:
    with pytest.raises(InvalidInput, match=r"^No AWS credentials: set login and password of conne"):
        aws(login="", password="")
    assert listener.asked == []


def test_no_key_is_in_what_is_shown(
    lake: Any, rclone: S3Server, caplog: pytest.LogCaptureFixture
) -> None:
    rclone.client.create_bucket(Bucket="bucket-with-a-lock")
    with caplog.at_level(logging.DEBUG, "airflow_provider_planet_reports"):
        store = lake(
            "s3://lake@bucket-with-a-lock/usage",
            extra={"endpoint_url": rclone.endpoint, "region_name": "us-east-1"},
        )
        with pytest.raises(DestinationRefused) as refusal:
            store.put_always("a.csv", b"x")
    ours = [r.getMessage() for r in caplog.records if r.name.startswith("airflow_provider_planet")]
    shown = f"{store!r} {store.bucket!r} {refusal.value} {ours}"
    assert "403" in str(refusal.value)
    for secret in ("lake", KEY, SECRET):
        assert secret not in shown


# Where


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


def test_china_has_its_own_names(lake: Any) -> None:
    config = config_of(lake(extra={"region_name": "cn-north-1"}))
    assert config["endpoint_url_s3"] == "https://bucket.s3.cn-north-1.amazonaws.com.cn"


def config_of(store: Any) -> dict[str, str]:
    config: dict[str, str] = store.bucket.config
    return config


ADDRESSES: dict[str, tuple[dict[str, Any], str]] = {
    "default": ({}, "my-bucket"),
    "path": ({"s3": {"addressing_style": "path"}}, "my-bucket"),
    "virtual": ({"s3": {"addressing_style": "virtual"}}, "my-bucket"),
    "dots": ({}, "my.bucket"),
    "accelerate": ({"s3": {"use_accelerate_endpoint": True}}, "my-bucket"),
    "accelerate and path": (
        {"s3": {"use_accelerate_endpoint": True, "addressing_style": "path"}}, "my-bucket",
    ),
    "dual stack": ({"use_dualstack_endpoint": True}, "my-bucket"),
    "dual stack of s3": ({"s3": {"use_dualstack_endpoint": True}}, "my-bucket"),
    "fips": ({"use_fips_endpoint": True}, "my-bucket"),
    "fips and dual stack": (
        {"use_fips_endpoint": True, "use_dualstack_endpoint": True}, "my-bucket",
    ),
}  # fmt: skip


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1"])
@pytest.mark.parametrize(("config_kwargs", "bucket"), ADDRESSES.values(), ids=ADDRESSES)
def test_amazon_is_asked_where_botocore_asks_it(
    lake: Any, monkeypatch: pytest.MonkeyPatch, region: str, config_kwargs: dict[str, Any],
    bucket: str,
) -> None:  # fmt: skip
    import boto3
    from botocore.config import Config

    amazon = Amazon(region)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", amazon.send)
    boto3.client(
        "s3", region, config=Config(**config_kwargs), aws_access_key_id="a",
        aws_secret_access_key="b",
    ).head_bucket(Bucket=bucket)  # fmt: skip
    asked = amazon.asked[0].rstrip("/")
    extra = {"region_name": region, "config_kwargs": config_kwargs}
    config = config_of(lake(f"s3://lake@{bucket}/usage", extra=extra))
    virtual = config["virtual_hosted_style_request"] == "true"
    assert config["endpoint_url_s3"] + ("" if virtual else f"/{bucket}") == asked
    assert len(amazon.asked) == 1  # nobody was asked for the region


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "config file"])
def test_an_endpoint_of_the_machine_counts_where_the_connection_names_none(
    lake: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    if variable == "config file":
        (tmp_path / "config").write_text(f"[default]\nendpoint_url = {listener.url}\n")
    else:
        monkeypatch.setenv(variable, listener.url)
    lake(extra={"region_name": "eu-west-1"}).put_always("a.csv", b"x")
    assert listener.put.path == "/bucket/usage/a.csv"


def test_amazon_is_asked_for_the_region_where_nobody_names_it(
    lake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    amazon = Amazon("eu-west-1")
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", amazon.send)
    config = config_of(lake())
    assert config["region"] == "eu-west-1"
    assert config["endpoint_url_s3"] == "https://bucket.s3.eu-west-1.amazonaws.com"
    assert 1 <= len(amazon.asked) <= 3


def test_the_regions_of_other_endpoints_need_no_name(lake: Any, listener: Listener) -> None:
    lake(extra={"endpoint_url": listener.url}).put_always("a.csv", b"x")
    assert "/us-east-1/s3/aws4_request" in listener.put.headers["authorization"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"use_dualstack_endpoint": True, "use_fips_endpoint": True},
        {"s3": {"use_accelerate_endpoint": True}},
    ],
)
def test_buckets_in_the_host_of_another_endpoint(lake: Any, more: dict[str, Any]) -> None:
    config_kwargs = {"s3": {"addressing_style": "virtual"}, **more}
    extra = {"endpoint_url": "https://minio.example:9000", "config_kwargs": config_kwargs}
    config = config_of(lake(extra=extra))
    assert config["endpoint_url_s3"] == "https://bucket.minio.example:9000"
    assert config["virtual_hosted_style_request"] == "true"


def test_a_directory_bucket_is_asked_by_the_protocol_of_s3_express(lake: Any) -> None:
    url = "s3://lake@bucket--usw2-az1--x-s3/usage"
    assert config_of(lake(url, extra={"region_name": "us-west-2"}))["s3_express"] == "true"


# How objects are protected

KMS = {
    "ServerSideEncryption": "aws:kms",
    "SSEKMSKeyId": "arn:aws:kms:eu-west-1:123456789012:key/1",
    "BucketKeyEnabled": True,
}


@pytest.mark.parametrize("size", [1, 9 * MIB], ids=["one request", "in parts"])
@pytest.mark.parametrize(
    ("extra_args", "sent"),
    [
        ({}, {}),
        (
            {"ServerSideEncryption": "AES256"},
            {"x-amz-server-side-encryption": "AES256"},
        ),
        (
            KMS,
            {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": KMS["SSEKMSKeyId"],
                "x-amz-server-side-encryption-bucket-key-enabled": "true",
            },
        ),
        ({"RequestPayer": "requester"}, {"x-amz-request-payer": "requester"}),
    ],
    ids=["nothing", "SSE-S3", "SSE-KMS", "requester pays"],
)
def test_extra_args_are_sent_with_every_object(
    aws: Any, listener: Listener, extra_args: dict[str, Any], sent: dict[str, str], size: int
) -> None:
    writer = aws({"service_config": {"s3": {"extra_args": extra_args}}}).open("a.csv")
    writer.write(b"x" * size)
    writer.commit()
    first = listener.asked[0]
    assert first.method == ("PUT" if size == 1 else "POST")
    names = ("x-amz-server-side-encryption", "x-amz-request-payer")
    found = {name: value for name, value in first.headers.items() if name.startswith(names)}
    assert found == sent


def test_encryption_that_the_environment_asks_obstore_for_counts_and_the_connection_comes_first(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SERVER_SIDE_ENCRYPTION", "aws:kms")
    monkeypatch.setenv("AWS_SSE_KMS_KEY_ID", "key-of-the-machine")
    aws().put_always("a.csv", b"x")
    assert listener.put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert listener.put.headers["x-amz-server-side-encryption-aws-kms-key-id"].endswith("machine")
    extra_args = {"ServerSideEncryption": "AES256"}
    aws({"service_config": {"s3": {"extra_args": extra_args}}}).put_always("a.csv", b"x")
    assert listener.put.headers["x-amz-server-side-encryption"] == "AES256"


def test_the_environment_does_not_turn_conditions_off(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
    aws().put("_receipts/a.json", b"{}", replaces=None)
    assert listener.put.headers["if-none-match"] == "*"


def test_receipts_are_encrypted_as_files_are(aws: Any, listener: Listener) -> None:
    store = aws({"service_config": {"s3": {"extra_args": KMS}}})
    store.put("_receipts/a.json", b"{}", replaces=None)
    assert listener.put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert listener.put.headers["if-none-match"] == "*"


@pytest.mark.parametrize(
    ("config_kwargs", "checksum"),
    [({}, True), ({"request_checksum_calculation": "when_required"}, False)],
)
def test_each_request_has_a_checksum_which_object_lock_asks_for(
    aws: Any, listener: Listener, config_kwargs: dict[str, Any], checksum: bool
) -> None:
    writer = aws({"config_kwargs": config_kwargs}).open("a.csv")
    writer.write(b"x" * 9 * MIB)
    writer.commit()
    aws({"config_kwargs": config_kwargs}).put_always("a.csv", b"x")
    puts = [request for request in listener.asked if request.method == "PUT"]
    assert len(puts) == 3
    assert all(("x-amz-checksum-sha256" in each.headers) is checksum for each in puts)


# How the server is reached


@pytest.mark.parametrize(
    "form", ["verify", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "config file", "folder", "not at all"]
)
def test_certificates_are_verified_as_connection_and_machine_say(
    lake: Any, certificate: str, form: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extra: dict[str, Any] = {"region_name": "eu-west-1"}
    if form.endswith("_BUNDLE"):
        monkeypatch.setenv(form, certificate)
    elif form == "config file":
        (tmp_path / "config").write_text(f"[default]\nca_bundle = {certificate}\n")
    else:
        verify = {"verify": certificate, "folder": str(Path(certificate).parent)}
        extra["verify"] = verify.get(form, False)
    with Listener(certificate).listening() as listener:
        lake(extra={**extra, "endpoint_url": listener.url}).put_always("a.csv", b"x")
        assert f"Credential={KEY}/" in listener.put.headers["authorization"]


@pytest.mark.parametrize("operation", ["read", "put", "open", "list"])
def test_an_untrusted_certificate_is_said_without_waiting_for_all_retries(
    lake: Any, certificate: str, operation: str
) -> None:
    with Listener(certificate).listening() as listener:
        store = lake(extra={"region_name": "eu-west-1", "endpoint_url": listener.url})
        with pytest.raises(DestinationRefused, match=r"^Unknown certificate authority: set verify"):
            {
                "read": lambda: store.read("a.csv"),
                "put": lambda: store.put("a.csv", b"x", replaces=None),
                "open": lambda: store.open("a.csv").commit(),
                "list": lambda: list(store.list("")),
            }[operation]()
        assert listener.asked == []
        assert listener.connections == 1


@pytest.mark.parametrize("verify", ["false", "true", "/no/such/file.pem"])
def test_a_ca_file_that_is_not_there_is_refused(aws: Any, verify: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^CA file '{verify}' cannot be read: correct verify"):
        aws({"verify": verify})


@pytest.mark.parametrize("form", ["proxies", "proxy-uri", "HTTP_PROXY"])
def test_a_proxy_is_used(
    lake: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    extra: dict[str, Any] = {"endpoint_url": "http://s3.example", "region_name": "eu-west-1"}
    if form == "proxies":
        extra["config_kwargs"] = {"proxies": {"http": listener.url}}
    elif form == "proxy-uri":
        extra["service_config"] = {"s3": {"proxy-uri": listener.url}}
    else:
        monkeypatch.setenv("HTTP_PROXY", listener.url)
    lake(extra=extra).put_always("a.csv", b"x")
    assert listener.put.path == "http://s3.example/bucket/usage/a.csv"


def test_no_proxy_is_used_where_no_proxy_says_so(
    aws: Any, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    aws().put_always("a.csv", b"x")
    assert listener.put.path == "/bucket/usage/a.csv"


@pytest.mark.parametrize(
    ("retries", "requests"),
    [({"max_attempts": 0}, 1), ({"max_attempts": 1}, 2), ({"total_max_attempts": 1}, 1)],
)
def test_requests_are_repeated_as_often_as_the_connection_says(
    aws: Any, listener: Listener, retries: dict[str, int], requests: int
) -> None:
    listener.answer = (503, b"")
    with pytest.raises(DestinationError, match=r"^The store fails"):
        aws({"config_kwargs": {"retries": retries}}).put_always("a.csv", b"x")
    assert len(listener.asked) == requests


def test_a_silent_server_is_given_up_after_the_read_timeout(aws: Any, listener: Listener) -> None:
    store = aws({"config_kwargs": {"read_timeout": 0.2, "retries": {"max_attempts": 0}}})
    listener.go_on.clear()
    with pytest.raises(DestinationError, match="too slow: run again later, and check the network"):
        store.put_always("a.csv", b"x")
    listener.go_on.set()


# What is refused

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "acl": (
        {"service_config": {"s3": {"extra_args": {"ACL": "bucket-owner-full-control"}}}},
        "'ACL' in connection 'lake' is not supported: grant access by a bucket policy",
    ),
    "customer key": (
        {"service_config": {"s3": {"extra_args": {"SSECustomerKey": "5ec2e7"}}}},
        "'SSECustomerKey' in connection 'lake' is not supported: known are ServerSideEncryption",
    ),
    "unknown": (
        {"service_config": {"s3": {"extra_args": {"StorageClass": "GLACIER"}}}},
        "'StorageClass' in connection 'lake' is not supported: known are ServerSideEncryption",
    ),
    "signer": (
        {"service_config": {"s3": {"signer": "S3V4RestSigner"}}},
        "'signer' in connection 'lake' is not supported: sign with the connection's own",
    ),
    "client certificate": (
        {"config_kwargs": {"client_cert": "/a.pem"}},
        "'client_cert' in connection 'lake' is not supported: reach the endpoint through a proxy",
    ),
    "proxy's certificate": (
        {"config_kwargs": {"proxies_config": {"proxy_ca_bundle": "/a.pem"}}},
        "'proxies_config' in connection 'lake' is not supported: set HTTPS_PROXY",
    ),
    "encryption": (
        {"service_config": {"s3": {"extra_args": {"ServerSideEncryption": "rot13"}}}},
        "Connection 'lake' cannot be used: check its fields",
    ),
    "role": (
        {"role_arn": "arn:r", "assume_role_method": "by magic"},
        "Connection 'lake' cannot be used: check its fields",
    ),
    "botocore's": (
        {"config_kwargs": {"conect_timeout": 1}},
        "Connection 'lake' cannot be used: check its fields",
    ),
}


@pytest.mark.parametrize(("extra", "says"), REFUSED.values(), ids=REFUSED)
def test_what_can_not_be_followed_is_refused_with_what_to_do(
    aws: Any, listener: Listener, extra: dict[str, Any], says: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        aws(extra)
    assert str(refusal.value).startswith(says)
    assert "\n" not in str(refusal.value)
    assert "5ec2e7" not in str(refusal.value)
    assert listener.asked == []


@pytest.mark.parametrize(
    ("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")]
)
def test_a_wrong_region_is_named_with_where_to_correct_it(
    aws: Any, listener: Listener, status: int, code: str
) -> None:
    """As Amazon answers: no ``Location``, but the right region."""
    says = f"<Error><Code>{code}</Code><Region>us-west-2</Region></Error>"
    listener.answer = (status, says.encode())
    store = aws()
    for failing in (lambda: store.put_always("a", b"x"), lambda: list(store.list("a/"))):
        with pytest.raises(DestinationRefused, match=r"^Wrong region for this bucket: correct reg"):
            failing()


@pytest.fixture
def without_rights(moto: S3Server) -> Iterator[dict[str, str]]:
    """Login and password of a user without any policy, on a server that enforces policies."""
    import boto3
    import requests

    server = {"endpoint_url": moto.endpoint, "region_name": "us-east-1"}
    credentials = {"aws_access_key_id": moto.login, "aws_secret_access_key": moto.password}
    iam, name = boto3.client("iam", **server, **credentials), f"reader-{uuid4().hex}"
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    requests.post(f"{moto.endpoint}/moto-api/reset-auth", data="0", timeout=60)
    yield {"login": key["AccessKeyId"], "password": key["SecretAccessKey"]}
    requests.post(f"{moto.endpoint}/moto-api/reset-auth", data="inf", timeout=60)


def test_a_user_without_rights_is_told_which_are_missing(
    lake: Any, moto: S3Server, without_rights: dict[str, str]
) -> None:
    extra = {"endpoint_url": moto.endpoint, "region_name": "us-east-1"}
    store = lake("s3://lake@bucket/usage", extra=extra, **without_rights)
    with pytest.raises(DestinationRefused, match=r"^No right to write: allow this user to write"):
        store.put_always("a.csv", b"x")
    with pytest.raises(DestinationRefused, match=r"^No right to read: allow reading and listing"):
        list(store.list("_receipts/"))
    assert without_rights["password"] not in repr(store)


HARMLESS = {"user_agent_extra": "x", "max_pool_connections": 50, "tcp_keepalive": True}


def test_what_makes_no_difference_is_ignored(aws: Any, listener: Listener) -> None:
    aws({"config_kwargs": HARMLESS, "unknown": 1}).put_always("a.csv", b"x")
    assert listener.put.path == "/bucket/usage/a.csv"


def test_opening_a_bucket_takes_little_time(
    monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> None:
    """No client of boto3 is made: that takes most of the 0.2 s that are promised."""

    def client(*_: Any, **__: Any) -> Iterator[None]:
        raise AssertionError("boto3 made a client.")

    monkeypatch.setattr("boto3.session.Session.client", client)
    extra = {"endpoint_url": listener.url, "region_name": "eu-west-1"}
    connection = {"conn_type": "aws", "login": KEY, "password": SECRET, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_LAKE", json.dumps(connection))
    open_store("s3://lake@bucket/usage")
