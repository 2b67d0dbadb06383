"""Azure's blob storage, by Airflow's Azure Blob Storage connections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.providers.microsoft.azure.hooks.wasb import WasbHook
from obstore.auth.azure import AzureCredentialProvider
from obstore.store import AzureStore

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.stores.settings import (
    client_options,
    refuse_unknown,
    retries,
)

if TYPE_CHECKING:
    from obstore.store import AzureCredential

#: Fields that the hook makes credentials of, and settings of Azure's client that count here.
_COUNT = {
    "account_key", "client_secret_auth_config", "connection_string", "connection_verify",
    "managed_identity_client_id", "proxies", "read_timeout", "sas_token", "shared_access_key",
    "tenant_id", "workload_identity_tenant_id",
}  # fmt: skip
#: Those that make no difference.
_HARMLESS = {
    "api_version", "connection_data_block_size", "connection_timeout", "logging_enable",
    "max_block_size", "max_chunk_get_size", "max_single_get_size", "max_single_put_size",
    "min_large_block_upload_threshold", "retry_connect", "retry_read", "retry_status",
    "retry_to_secondary", "retry_total", "use_byte_buffer", "user_agent",
}  # fmt: skip
_ADVICE = {
    "encryption_scope": "make it the container's default encryption scope",
    "cpk": "use a key in Azure Key Vault (customer-managed keys) for the account",
    "connection_cert": "sign in by tenant_id, or by a managed identity",
    "audience": "use an account key or a SAS token where Azure's own audience does not hold",
}


def opener(container: str, prefix: str | None, conn_id: str | None) -> Callable[..., AzureStore]:
    """Return what makes obstore's store of a container.

    :param container: its name.
    :param prefix: below which everything is.
    :param conn_id: the connection.
    :raises InvalidInput: if there is none, or it has a setting that cannot be followed.
    """
    if conn_id is None:
        raise InvalidInput(
            f"abfs://{container} needs a connection, which names the account: write "
            f"abfs://my_azure_conn@{container}/… or set destination_conn_id."
        )
    hook = WasbHook(conn_id)
    extra = hook.get_connection(conn_id).extra_dejson
    given = {name.removeprefix("extra__wasb__") for name, value in extra.items() if value}
    refuse_unknown(given, _COUNT | _HARMLESS, f"the extra of connection {conn_id!r}", _ADVICE)
    with hook.get_conn() as client:
        if client.account_name is None:
            raise InvalidInput(
                f"Connection {conn_id!r} names no account: set login to its name, or host to "
                "https://ACCOUNT.blob.core.windows.net."
            )
        endpoint = f"{client.scheme}://{client.primary_hostname}"
        return partial(
            AzureStore,
            container,
            prefix=prefix,
            config={
                "account_name": client.account_name,
                "endpoint": endpoint,
                "use_emulator": False,
                "skip_signature": False,
            },
            client_options=client_options(
                endpoint,
                verify=extra.get("connection_verify"),
                proxy=(extra.get("proxies") or {}).get(client.scheme),
                read_timeout=extra.get("read_timeout"),
            ),
            retry_config=retries(),
            credential_provider=_provider(client),
        )


def _provider(client: Any) -> Callable[[], AzureCredential]:
    """Return what gives obstore the credentials that Azure's client signs in with."""
    key = getattr(client.credential, "account_key", None)
    signature = getattr(client.credential, "signature", "") or urlsplit(client.url).query
    if key:
        return lambda: {"access_key": key, "expires_at": None}
    if signature:
        return lambda: {"sas_token": signature.removeprefix("?"), "expires_at": None}
    return AzureCredentialProvider(client.credential)
