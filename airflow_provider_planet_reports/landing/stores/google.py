"""Google Cloud Storage, by Airflow's Google connections."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.google.common.hooks.base_google import GoogleBaseHook
from obstore.auth.google import GoogleCredentialProvider
from obstore.store import GCSStore

from airflow_provider_planet_reports.connections import refuse_settings
from airflow_provider_planet_reports.landing.destination import Place
from airflow_provider_planet_reports.landing.stores import settings

_REFUSED = {
    "gcs.access": "grant the service account what it may do, by roles",
    "gcs.oauth2.token": "set key_path, keyfile_dict or another way for Airflow to get tokens",
    "gcs.session-kwargs": "set HTTPS_PROXY for a proxy, REQUESTS_CA_BUNDLE for a CA file",
}


def opened(place: Place) -> list[GCSStore]:
    """Return obstore's stores of a bucket, by the connection or Google's default credentials.

    :raises InvalidInput: if the connection has a setting that cannot be followed.
    """
    extra: dict[str, Any] = {}
    credentials, project, anonymous = None, None, False
    if place.conn_id is not None:
        hook = GoogleBaseHook(gcp_conn_id=place.conn_id)
        extra = hook.extras
        refuse_settings(extra, _REFUSED, f"the extra of connection {place.conn_id!r}")
        credentials, project = hook.get_credentials_and_project_id()
        anonymous = bool(hook._get_field("is_anonymous"))
    endpoint = (extra.get("gcs.endpoint") or "").rstrip("/")
    # The one way to name an endpoint that obstore 0.11 knows, too.
    key = {"gcs_base_url": endpoint, "disable_oauth": True, "private_key_id": ""}
    address = {"service_account_key": json.dumps({**key, "client_email": "", "private_key": ""})}
    payer = extra.get("quota_project_id") or (extra.get("gcs.requester-pays") and project)
    headers = {"x-goog-user-project": payer} if payer else None
    config = {"skip_signature": anonymous, **(address if endpoint else {})}
    provider = None if anonymous else GoogleCredentialProvider(credentials)
    options = settings.client_options(endpoint, default_headers=headers)
    return settings.opened(
        GCSStore, place, config=config, client_options=options, credential_provider=provider
    )
