"""Amazon's connections, carried over to obstore."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from obstore.store import S3Store

from airflow_provider_planet_reports.landing.stores.connections import (
    RETRIES,
    NotCarriedOver,
    client_options,
    refuse_others,
    refuse_surroundings,
)

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Credential

#: botocore's settings that show in the address it asks, or make no difference here.
_CONFIG = {
    "max_pool_connections", "region_name", "s3", "signature_version", "tcp_keepalive",
    "use_dualstack_endpoint", "use_fips_endpoint",
}  # fmt: skip
_S3_CONFIG = {
    "addressing_style", "us_east_1_regional_endpoint", "use_accelerate_endpoint",
    "use_dualstack_endpoint",
}  # fmt: skip
_S3_SERVICE = {"bucket_name", "endpoint_url", "transfer_config_args"}
#: Variables that obstore does not follow when it is given credentials, region and endpoint.
_WITHOUT_EFFECT = {
    "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS",
    "AWS_REGION", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE",
}  # fmt: skip
#: botocore renews credentials ten minutes before they expire, and obstore asks again when those
#: it has are said to last less than five.
_SAID_TO_LAST = dt.timedelta(minutes=10)


def s3_store(bucket: str, prefix: str, conn_id: str | None) -> S3Store:
    """Return the obstore store for a bucket.

    :param bucket: its name.
    :param prefix: below which everything goes.
    :param conn_id: the connection; without one, boto3's own credentials are used.
    :raises NotCarriedOver: if obstore would not do exactly as the connection says.
    """
    if bucket.endswith("--x-s3"):
        raise NotCarriedOver("S3 Express signs in otherwise")
    hook = S3Hook(aws_conn_id=conn_id)
    config = hook.conn_config.extra_config.get("config_kwargs") or {}
    refuse_others(_CONFIG, config, "config_kwargs")
    refuse_others(_S3_CONFIG, config.get("s3") or {}, "config_kwargs.s3")
    refuse_others(_S3_SERVICE, hook.service_config, "service_config.s3")
    refuse_surroundings(S3Store, "AWS_", _WITHOUT_EFFECT)
    session = hook.get_session(region_name=hook.region_name)
    client = session.client(
        "s3",
        endpoint_url=hook.conn_config.get_service_endpoint_url("s3"),
        config=hook.config.merge(_impatient(type(hook.config))),
        verify=hook.verify,
    )
    credentials = _credentials(session, client)
    settings = _settings(client, bucket)
    return S3Store(
        bucket,
        prefix=prefix or None,
        config={**settings, "skip_signature": credentials is None},
        client_options=client_options(settings["aws_endpoint_url_s3"], hook.verify),
        retry_config=RETRIES,
        credential_provider=credentials,
    )


def _impatient(config: Any) -> Any:
    """Return botocore's settings for a question that need not be answered."""
    return config(connect_timeout=10, read_timeout=10, retries={"total_max_attempts": 2})


def _credentials(session: Any, client: Any) -> _Credentials | None:
    """Return a session's credentials, or None where requests are not to be signed."""
    version = client.meta.config.signature_version
    if not isinstance(version, str):  # botocore's mark of the unsigned
        return None
    if version != "s3v4":
        raise NotCarriedOver(f"obstore has no signature_version {version!r}")
    credentials = session.get_credentials()
    if credentials is None:
        raise NotCarriedOver("there are no credentials")
    return _Credentials(credentials)


class _Credentials:
    """Gives obstore what a boto3 session signs with, whenever it asks.

    :param credentials: botocore's, which renew themselves.
    """

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def __call__(self) -> S3Credential:
        now = self._credentials.get_frozen_credentials()
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": dt.datetime.now(dt.timezone.utc) + _SAID_TO_LAST,
        }


def _settings(client: Any, bucket: str) -> S3Config:
    """Return obstore's settings for a bucket: where, and how, boto3's client asks for it.

    botocore follows a bucket to its region, whatever the connection says.
    """
    asked: list[str] = []
    client.meta.events.register("before-send.s3", lambda request, **_: asked.append(request.url))
    try:
        answer = client.head_bucket(Bucket=bucket)
    except client.exceptions.ClientError as refusal:  # who may write need not be allowed to ask
        answer = refusal.response
    except Exception:  # there is no answer, which shows again when the bucket is used
        answer = {}
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    endpoint, virtual = _taken_apart(asked[-1] if asked else "", bucket)
    settings: S3Config = {
        "aws_endpoint_url_s3": endpoint,  # the one that no variable overrules
        "virtual_hosted_style_request": virtual,
        "region": headers.get("x-amz-bucket-region") or client.meta.region_name,
        "disable_bulk_delete": True,  # nor do all servers have it
    }
    if (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn")):
        # A bucket with a retention period asks for one; it is known from signing.
        settings["checksum_algorithm"] = "sha256"
    return settings


def _taken_apart(url: str, bucket: str) -> tuple[str, bool]:
    """Return the endpoint in a bucket's address, and whether the bucket is part of its host."""
    parts = urlsplit(url)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    if not path and parts.netloc.startswith(f"{bucket}."):
        return origin, True
    if path.endswith(f"/{bucket}"):
        return origin + path.removesuffix(f"/{bucket}"), False
    raise NotCarriedOver("obstore does not address it as botocore does")
