"""S3, and servers that speak its protocol, by Airflow's AWS connections."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from botocore.endpoint_provider import EndpointProvider
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.store import S3Store

from airflow_provider_planet_reports.connections import refuse_settings
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.destination import Place
from airflow_provider_planet_reports.landing.stores import settings

#: What boto3's uploads can be given -> obstore's name for it.
_EXTRA_ARGS = {
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "sse_kms_key_id",
    "BucketKeyEnabled": "sse_bucket_key_enabled",
    "ChecksumAlgorithm": "checksum_algorithm",
    "RequestPayer": "request_payer",
}
_REFUSED = {
    "ACL": "grant access by a bucket policy, and let the bucket's owner own its objects",
    "client_cert": "reach the endpoint through a proxy that has the certificate",
    "proxies_config": "set HTTPS_PROXY, and REQUESTS_CA_BUNDLE for the proxy's certificate",
    "signer": "sign with the connection's own credentials",
}
#: botocore renews credentials ten minutes before they expire.
_TO_LAST = dt.timedelta(minutes=10)


def opened(place: Place) -> list[S3Store]:
    """Return obstore's stores of a bucket, by the connection or boto3's own credentials.

    :raises InvalidInput: if the connection has a setting that cannot be followed.
    """
    hook = S3Hook(aws_conn_id=place.conn_id)
    service, where = hook.service_config, f"connection {place.conn_id!r}"
    given = hook.conn_config.extra_config.get("config_kwargs") or {}
    extra = service.get("extra_args") or {}
    others = dict.fromkeys(set(extra) - set(_EXTRA_ARGS), f"known are {', '.join(_EXTRA_ARGS)}")
    refuse_settings([*given, *service, *extra], others | _REFUSED, where)
    session = hook.get_session(region_name=hook.region_name)
    core = session._session
    # As botocore's clients do: then ``endpoint_url`` is what environment and AWS config say.
    core._add_configured_endpoint_provider("s3", core.get_component("config_store"))

    def setting(name: str) -> Any:
        return given[name] if name in given else core.get_config_variable(name)

    endpoint = hook.conn_config.get_service_endpoint_url("s3")
    if not endpoint and not setting("ignore_configured_endpoint_urls"):
        endpoint = setting("endpoint_url")
    region = given.get("region_name") or session.region_name
    if region is None:
        region = "us-east-1" if endpoint else _region_of(place.container, hook, session)
    unsigned = given.get("signature_version") == "unsigned"
    if not unsigned and session.get_credentials() is None:
        says = "No AWS credentials: set login and password of"
        raise InvalidInput(f"{says} {where}, or signature_version 'unsigned' in its config_kwargs.")
    config = {
        "region": region,
        "skip_signature": unsigned,
        "conditional_put": "etag",  # whatever the environment says
        "disable_bulk_delete": True,  # not all servers have it
        **_address(place.container, region, endpoint, setting, core.get_component("data_loader")),
    }
    if setting("request_checksum_calculation") != "when_required":
        config["checksum_algorithm"] = "SHA256"  # a bucket with Object Lock asks for one
    config |= {_EXTRA_ARGS[name]: value for name, value in extra.items()}
    provider = None if unsigned else Boto3CredentialProvider(session, ttl=_TO_LAST)
    proxies, timeouts = given.get("proxies") or {}, ("connect_timeout", "read_timeout")
    options = settings.client_options(
        endpoint,
        setting("ca_bundle") if hook.verify is None else hook.verify,
        proxy_url=service.get("proxy-uri") or proxies.get(urlsplit(endpoint or "https:").scheme),
        **{name: dt.timedelta(seconds=given[name]) for name in timeouts if given.get(name)},
    )
    tries = given.get("retries") or {}
    retries = tries.get("max_attempts", tries.get("total_max_attempts", settings.TRIES) - 1)
    return settings.opened(
        S3Store, place, retries, config=config, client_options=options, credential_provider=provider
    )


def _region_of(bucket: str, hook: Any, session: Any) -> Any:
    """Ask Amazon for a bucket's region, as boto3 does."""
    client = session.client("s3", "us-east-1", config=hook.config, verify=hook.verify)
    try:
        answer = client.head_bucket(Bucket=bucket)
    except client.exceptions.ClientError as refusal:  # it names the region all the same
        answer = refusal.response
    return answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region", "us-east-1")


def _address(
    bucket: str, region: str, endpoint: str | None, setting: Callable[[str], Any], data: Any
) -> dict[str, Any]:
    """Return where to ask for a bucket, by the rules of botocore's own clients.

    :param data: what loads the rules.
    """
    if bucket.endswith("--x-s3") and endpoint is None:  # obstore knows where zones are
        return {"s3_express": True}
    rules, s3 = data.load_service_model("s3", "endpoint-rule-set-1"), setting("s3") or {}
    style, accelerate = s3.get("addressing_style"), bool(s3.get("use_accelerate_endpoint"))
    in_path = not accelerate and (style == "path" or bool(endpoint and style != "virtual"))
    dual_stack = setting("use_dualstack_endpoint") or s3.get("use_dualstack_endpoint")
    found = EndpointProvider(rules, data.load_data("partitions")).resolve_endpoint(
        Bucket=bucket,
        Region=region,
        Endpoint=endpoint,
        Accelerate=accelerate and not endpoint,
        ForcePathStyle=in_path,
        UseDualStack=bool(dual_stack and not endpoint),
        UseFIPS=bool(setting("use_fips_endpoint") and not endpoint),
    )
    url = found.url.rstrip("/")
    # The one name for an endpoint that no variable of the environment overrules.
    place = {"aws_endpoint_url_s3": url.removesuffix(f"/{bucket}")}
    return {**place, "virtual_hosted_style_request": not url.endswith(f"/{bucket}")}
