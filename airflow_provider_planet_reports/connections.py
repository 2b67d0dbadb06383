"""Reading Airflow's connections."""

from __future__ import annotations

from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput


def connection(conn_id: str, purpose: str) -> Any:
    """Return a connection.

    :param conn_id: its id.
    :param purpose: what it is for, for the message.
    :raises InvalidInput: if there is none of this id.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise InvalidInput(
            f"The connection {conn_id!r} for {purpose} does not exist: create it, or name "
            "another one."
        ) from None
