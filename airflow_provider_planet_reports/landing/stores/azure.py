"""Azure's blob storage, by Airflow's Azure Blob Storage connections."""

from __future__ import annotations

import os
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
from obstore.auth.azure import AzureCredentialProvider
from obstore.store import AzureStore

from airflow_provider_planet_reports.connections import refuse_settings
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.stores import settings

_REFUSED = {
    "audience": "use an account key or a SAS token",
    "connection_cert": "sign in by tenant_id or a managed identity",
    "encryption_scope": "make it the container's default encryption scope",
    "key_encryption_key": "nobody else could read what is landed, so leave it out",
    "location_mode": "name the endpoint that is to be used in host",
    "require_encryption": "Azure encrypts what it stores, so leave it out",
    "secondary_hostname": "name the endpoint that is to be used in host",
}
#: A variable that obstore reads by itself.
_REFUSED_VARIABLES = {
    "AZURE_STORAGE_ENCRYPTION_KEY": "nobody else could read what is landed, so unset it",
}


def opener(container: str, prefix: str | None, conn_id: str | None) -> partial[AzureStore]:
    """Return what makes obstore's store of a container.

    :param container: its name.
    :param prefix: below which everything is.
    :param conn_id: the connection.
    :raises InvalidInput: if there is none, or it has a setting that cannot be followed.
    """
    if conn_id is None:
        raise InvalidInput(
            f"abfs://{container} names no connection, and so no account: set destination_conn_id."
        )
    refuse_settings(os.environ, _REFUSED_VARIABLES, "the environment")
    hook = WasbHook(conn_id)
    extra = hook.get_connection(conn_id).extra_dejson
    refuse_settings(extra, _REFUSED, f"the extra of connection {conn_id!r}")
    with hook.get_conn() as client:
        if client.account_name is None:
            raise InvalidInput(
                f"Connection {conn_id!r} names no account: set login to it, or host to "
                "https://ACCOUNT.blob.core.windows.net."
            )
        endpoint = f"{client.scheme}://{client.primary_hostname}"
        place = {"account_name": client.account_name, "endpoint": endpoint}
        proxy = (extra.get("proxies") or {}).get(client.scheme)
        verify = extra.get("connection_verify")
        return settings.opener(
            AzureStore, container, prefix,
            config={**place, "use_emulator": False, "skip_signature": False},
            client_options=settings.client_options(endpoint, verify, proxy_url=proxy),
            credential_provider=_credentials(client),
        )  # fmt: skip


def _credentials(client: Any) -> Any:
    """Return what gives obstore the credentials that Azure's client signs in with."""
    key = getattr(client.credential, "account_key", None)
    signature = getattr(client.credential, "signature", "") or urlsplit(client.url).query
    if key:
        return lambda: {"access_key": key, "expires_at": None}
    if signature:
        return lambda: {"sas_token": signature.removeprefix("?"), "expires_at": None}
    return AzureCredentialProvider(client.credential)
