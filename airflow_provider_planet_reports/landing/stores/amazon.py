"""S3, and servers that speak its protocol, by Airflow's AWS connections."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.stores.settings import (
    client_options,
    refuse_unknown,
    retries,
)

if TYPE_CHECKING:
    from obstore.store import S3Config

#: botocore's settings that count here.
_CONFIG = {
    "connect_timeout", "ignore_configured_endpoint_urls", "proxies", "read_timeout",
    "region_name", "request_checksum_calculation", "retries", "s3", "signature_version",
    "use_dualstack_endpoint", "use_fips_endpoint",
}  # fmt: skip
#: Those that make no difference.
_HARMLESS = {
    "defaults_mode", "disable_request_compression", "inject_host_prefix", "max_pool_connections",
    "parameter_validation", "request_min_compression_size_bytes", "response_checksum_validation",
    "tcp_keepalive", "user_agent", "user_agent_appid", "user_agent_extra",
}  # fmt: skip
_S3_CONFIG = {
    "addressing_style", "payload_signing_enabled", "us_east_1_regional_endpoint",
    "use_accelerate_endpoint", "use_dualstack_endpoint",
}  # fmt: skip
_SERVICE = {"bucket_name", "endpoint_url", "extra_args", "proxy-uri", "transfer_config_args"}
#: What boto3's uploads can be given -> obstore's name for it.
_EXTRA_ARGS = {
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "sse_bucket_key_enabled",
    "ChecksumAlgorithm": "checksum_algorithm",
    "RequestPayer": "request_payer",
}
_ADVICE = {
    "ACL": "grant access by a bucket policy, with ACLs disabled (bucket owner enforced)",
    "proxies_config": "set HTTPS_PROXY, and REQUESTS_CA_BUNDLE for the proxy's certificate",
    "client_cert": "reach the endpoint through a proxy that presents the certificate",
    "SSECustomerKey": "use SSE-KMS: ServerSideEncryption and SSEKMSKeyId",
    "SSECustomerAlgorithm": "use SSE-KMS: ServerSideEncryption and SSEKMSKeyId",
    "signer": "sign with the connection's own credentials",
}
#: Regions whose endpoints end in amazonaws.com; of others, botocore knows the ends.
_USUAL_REGION = re.compile(r"(?:af|ap|ca|eu|il|me|mx|sa|us|us-gov)-[a-z]+-\d+")
#: Buckets that may be part of a host's name, under a certificate for one more label.
_HOST_NAME = re.compile(r"[a-z0-9][a-z0-9-]+[a-z0-9]")
#: botocore renews credentials ten minutes before they expire.
_SAID_TO_LAST = dt.timedelta(minutes=10)


def opener(bucket: str, prefix: str | None, conn_id: str | None) -> Callable[..., S3Store]:
    """Return what makes obstore's store of a bucket.

    :param bucket: its name.
    :param prefix: below which everything is.
    :param conn_id: the connection; without one, boto3's own credentials are used.
    :raises InvalidInput: if the connection has a setting that cannot be followed.
    """
    where = f"connection {conn_id!r}"
    hook = S3Hook(aws_conn_id=conn_id)
    given = hook.conn_config.extra_config.get("config_kwargs") or {}
    service, extra = hook.service_config, hook.service_config.get("extra_args") or {}
    refuse_unknown(given, _CONFIG | _HARMLESS, f"config_kwargs of {where}", _ADVICE)
    refuse_unknown(given.get("s3") or {}, _S3_CONFIG, f"config_kwargs.s3 of {where}", _ADVICE)
    refuse_unknown(service, _SERVICE, f"service_config.s3 of {where}", _ADVICE)
    refuse_unknown(extra, _EXTRA_ARGS, f"service_config.s3.extra_args of {where}", _ADVICE)
    session = hook.get_session(region_name=hook.region_name)
    core = session._session

    def setting(name: str) -> Any:
        return given[name] if name in given else core.get_config_variable(name)

    endpoint = hook.conn_config.get_service_endpoint_url("s3") or _configured_endpoint(
        core, setting
    )
    region = given.get("region_name") or session.region_name
    if region is None:
        region = "us-east-1" if endpoint else _region_of(bucket, hook, session)
    config = _address(bucket, region, endpoint, setting)
    config |= {"region": region, "disable_bulk_delete": True, "unsigned_payload": False}
    # A bucket with Object Lock asks for a checksum; it is known from signing anyway.
    if setting("request_checksum_calculation") != "when_required":
        config["checksum_algorithm"] = "SHA256"
    config |= {_EXTRA_ARGS[name]: value for name, value in extra.items()}
    unsigned = given.get("signature_version") == "unsigned"
    if not unsigned and given.get("signature_version", "s3v4") != "s3v4":
        raise InvalidInput(f"signature_version of {where} must be 's3v4' or 'unsigned'.")
    tries, proxies = given.get("retries") or {}, given.get("proxies") or {}
    most = tries["total_max_attempts"] - 1 if "total_max_attempts" in tries else None
    return partial(
        S3Store,
        bucket,
        prefix=prefix,
        config={**config, "skip_signature": unsigned},
        client_options=client_options(
            endpoint,
            verify=hook.verify
            if hook.verify is not None
            else core.get_config_variable("ca_bundle"),
            proxy=service.get("proxy-uri") or proxies.get(urlsplit(endpoint or "https:").scheme),
            connect_timeout=given.get("connect_timeout"),
            read_timeout=given.get("read_timeout"),
        ),
        retry_config=retries(tries.get("max_attempts", most)),
        credential_provider=None if unsigned else _credentials(session, where),
    )


def _credentials(session: Any, where: str) -> Boto3CredentialProvider:
    try:
        return Boto3CredentialProvider(session, ttl=_SAID_TO_LAST)
    except ValueError:
        raise InvalidInput(
            f"No AWS credentials: set login and password of {where}, or its config_kwargs "
            'to {"signature_version": "unsigned"}.'
        ) from None


def _configured_endpoint(core: Any, setting: Callable[[str], Any]) -> str | None:
    """Return the endpoint that the environment or the AWS config file names for S3."""
    from botocore.configprovider import ConfiguredEndpointProvider

    if setting("ignore_configured_endpoint_urls"):
        return None
    scoped = core.get_scoped_config()
    found: str | None = ConfiguredEndpointProvider(core.full_config, scoped, "s3").provide()
    return found


def _region_of(bucket: str, hook: Any, session: Any) -> str:
    """Ask Amazon for a bucket's region, as boto3 does."""
    client = session.client("s3", "us-east-1", config=hook.config, verify=hook.verify)
    try:
        answer = client.head_bucket(Bucket=bucket)
    except client.exceptions.ClientError as refusal:  # it names the region all the same
        answer = refusal.response
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return str(headers.get("x-amz-bucket-region") or client.meta.region_name)


def _address(
    bucket: str, region: str, endpoint: str | None, setting: Callable[[str], Any]
) -> S3Config:
    """Return where botocore would ask for a bucket.

    :param bucket: its name.
    :param region: its region.
    :param endpoint: the connection's, if it names one.
    :param setting: botocore's settings.
    """
    s3 = setting("s3") or {}
    if bucket.endswith("--x-s3") and endpoint is None:  # obstore knows where zones are
        return {"s3_express": True}
    dual = bool(setting("use_dualstack_endpoint") or s3.get("use_dualstack_endpoint"))
    fips, accelerate = bool(setting("use_fips_endpoint")), bool(s3.get("use_accelerate_endpoint"))
    style = s3.get("addressing_style")
    virtual = accelerate or style == "virtual" or (style != "path" and endpoint is None)
    if endpoint is None:
        service = "s3-accelerate" if accelerate else "s3-fips" if fips else "s3"
        labels = [service, *(["dualstack"] if dual else []), *([] if accelerate else [region])]
        endpoint = f"https://{'.'.join(labels)}.{_suffix(region)}"
    if virtual and _HOST_NAME.fullmatch(bucket):
        scheme, _, rest = endpoint.partition("://")
        endpoint = f"{scheme}://{bucket}.{rest}"
    else:
        virtual = False
    return {
        "aws_endpoint_url_s3": endpoint.rstrip("/"),  # the name that no variable overrules
        "virtual_hosted_style_request": virtual,
        "s3_express": False,
    }


def _suffix(region: str) -> str:
    """Return how the names of a region's hosts end."""
    if _USUAL_REGION.fullmatch(region):
        return "amazonaws.com"
    from botocore.session import get_session

    resolver = get_session().get_component("endpoint_resolver")
    partition = resolver.get_partition_for_region(region)
    return str(resolver.get_partition_dns_suffix(partition))
