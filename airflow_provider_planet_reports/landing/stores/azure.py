"""Azure's connections, carried over to obstore."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
from obstore.store import AzureStore

from airflow_provider_planet_reports.landing.stores.connections import (
    RETRIES,
    NotCarriedOver,
    client_options,
    refuse_others,
    refuse_surroundings,
)

if TYPE_CHECKING:
    from obstore.store import AzureCredential

#: Fields that the hook makes credentials of; anything else it hands to Azure's client.
_EXTRA = {"account_key", "connection_string", "sas_token", "shared_access_key", "tenant_id"}
#: Variables that obstore does not follow when it is given credentials, account and endpoint.
_WITHOUT_EFFECT = {
    "AZURE_AUTHORITY_HOST", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE", "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCOUNT_NAME",
    "AZURE_STORAGE_SAS_TOKEN", "AZURE_TENANT_ID",
}  # fmt: skip
_SCOPE = "https://storage.azure.com/.default"


def azure_store(container: str, prefix: str, conn_id: str | None) -> AzureStore:
    """Return the obstore store for a container.

    :param container: its name.
    :param prefix: below which everything goes.
    :param conn_id: the connection.
    :raises NotCarriedOver: if obstore would not do exactly as the connection says.
    """
    if conn_id is None:
        raise NotCarriedOver("no connection is named")
    hook = WasbHook(conn_id)
    connection = hook.get_connection(conn_id)
    if connection.conn_type != "wasb":
        raise NotCarriedOver(f"its connection is of type {connection.conn_type}, not wasb")
    given = {name for name, value in connection.extra_dejson.items() if value}
    refuse_others(_EXTRA, {name.removeprefix("extra__wasb__") for name in given}, "extra")
    refuse_surroundings(AzureStore, "AZURE_", _WITHOUT_EFFECT)
    with hook.get_conn() as client:
        if client.account_name is None:
            raise NotCarriedOver("its account has no name")
        endpoint = f"{client.scheme}://{client.primary_hostname}"
        return AzureStore(
            container,
            prefix=prefix or None,
            config={"account_name": client.account_name, "endpoint": endpoint},
            client_options=client_options(endpoint),
            retry_config=RETRIES,
            credential_provider=_Credentials(client),
        )


class _Credentials:
    """Gives obstore what a client for Azure's blobs signs in with, whenever it asks.

    :param client: the ``BlobServiceClient``.
    """

    def __init__(self, client: Any) -> None:
        self._key = getattr(client.credential, "account_key", None)
        signature = getattr(client.credential, "signature", "") or urlsplit(client.url).query
        self._signature = signature.removeprefix("?")
        self._principal = client.credential
        if not (self._key or self._signature):
            name = type(client.credential).__name__
            if name != "ClientSecretCredential":  # others look around in the machine
                raise NotCarriedOver(f"its connection signs in by {name}")

    def __call__(self) -> AzureCredential:
        if self._key:
            return {"access_key": self._key, "expires_at": None}
        if self._signature:
            return {"sas_token": self._signature, "expires_at": None}
        now = self._principal.get_token(_SCOPE)
        expires = dt.datetime.fromtimestamp(now.expires_on, dt.timezone.utc)
        return {"token": now.token, "expires_at": expires}
