"""Google Cloud Storage, by Airflow's Google connections."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from obstore.auth.google import GoogleCredentialProvider
from obstore.store import GCSStore

from airflow_provider_planet_reports.landing.stores.settings import (
    client_options,
    refuse_unknown,
    retries,
)

if TYPE_CHECKING:
    from obstore.store import GCSConfig

_COUNT = {"gcs.endpoint", "gcs.requester-pays"}
#: Settings of gcsfs that make no difference here.
_HARMLESS = {
    "gcs.access", "gcs.cache-timeout", "gcs.consistency", "gcs.default-bucket-location",
    "gcs.project-id", "gcs.version-aware",
}  # fmt: skip
_ADVICE = {
    "gcs.session-kwargs": "set HTTPS_PROXY for a proxy, and REQUESTS_CA_BUNDLE for a CA file",
    "gcs.oauth2.token": "use key_path, keyfile_dict or impersonation_chain",
}


def opener(bucket: str, prefix: str | None, conn_id: str | None) -> Callable[..., GCSStore]:
    """Return what makes obstore's store of a bucket.

    :param bucket: its name.
    :param prefix: below which everything is.
    :param conn_id: the connection; without one, Google's default credentials are used.
    :raises InvalidInput: if the connection has a setting that cannot be followed.
    """
    if conn_id is None:
        extras, anonymous, project, provider = {}, False, None, GoogleCredentialProvider()
    else:
        hook = GoogleBaseHook(gcp_conn_id=conn_id)
        extras = hook.extras
        given = {name for name in extras if name.startswith("gcs.")}
        where = f"the extra of connection {conn_id!r}"
        refuse_unknown(given, _COUNT | _HARMLESS, where, _ADVICE)
        anonymous = bool(hook._get_field("is_anonymous"))
        credentials, project = hook.get_credentials_and_project_id()
        provider = None if anonymous else GoogleCredentialProvider(credentials)
    endpoint = extras.get("gcs.endpoint")
    config: GCSConfig = {"skip_signature": anonymous}
    if endpoint:
        # The one way to set it with obstore 0.11, too.
        nobody = {"client_email": "", "private_key": "", "private_key_id": ""}
        key = {"gcs_base_url": endpoint.rstrip("/"), "disable_oauth": True, **nobody}
        config["service_account_key"] = json.dumps(key)
    payer = extras.get("quota_project_id") or (
        project if extras.get("gcs.requester-pays") else None
    )
    return partial(
        GCSStore,
        bucket,
        prefix=prefix,
        config=config,
        client_options=client_options(
            endpoint, headers={"x-goog-user-project": payer} if payer else None
        ),
        retry_config=retries(),
        credential_provider=provider,
    )
