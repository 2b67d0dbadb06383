"""Azure's blob storage, by Airflow's Azure Blob Storage connections."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
from obstore.auth.azure import AzureCredentialProvider
from obstore.store import AzureStore

from airflow_provider_planet_reports.connections import refuse_settings
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.destination import Place
from airflow_provider_planet_reports.landing.stores import settings

_REFUSED = {
    "audience": "use an account key or a SAS token",
    "connection_cert": "sign in by tenant_id or a managed identity",
    "encryption_scope": "make it the container's default encryption scope",
    "key_encryption_key": "nobody else could read what is landed, so leave it out",
    "require_encryption": "Azure encrypts what it stores, so leave it out",
}


def opened(place: Place) -> list[AzureStore]:
    """Return obstore's stores of a container.

    :raises InvalidInput: if there is no connection, or it has a setting that cannot be followed.
    """
    if place.conn_id is None:
        raise InvalidInput(f"Azure needs a connection: set destination_conn_id for {place.url}.")
    hook = WasbHook(place.conn_id)
    extra = hook.get_connection(place.conn_id).extra_dejson
    refuse_settings(extra, _REFUSED, f"the extra of connection {place.conn_id!r}")
    with hook.get_conn() as client:
        endpoint = f"{client.scheme}://{client.primary_hostname}"
        config = {
            "account_name": client.account_name or "",  # may be unknown at a host of one's own
            "endpoint": endpoint,
            "use_emulator": False,
            "skip_signature": False,
        }
        provider, proxy = _credentials(client), (extra.get("proxies") or {}).get(client.scheme)
    options = settings.client_options(endpoint, extra.get("connection_verify"), proxy_url=proxy)
    return settings.opened(
        AzureStore, place, config=config, client_options=options, credential_provider=provider
    )


def _credentials(client: Any) -> Any:
    """Return what gives obstore the credentials that Azure's client signs in with."""
    key = getattr(client.credential, "account_key", None)
    signature = getattr(client.credential, "signature", "") or urlsplit(client.url).query
    if key:
        return lambda: {"access_key": key, "expires_at": None}
    if signature:
        return lambda: {"sas_token": signature.removeprefix("?"), "expires_at": None}
    return AzureCredentialProvider(client.credential)
