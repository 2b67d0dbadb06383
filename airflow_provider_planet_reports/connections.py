"""Reading Airflow's connections."""

from __future__ import annotations

from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError


def connection(conn_id: str, purpose: str) -> Any:
    """Return a connection.

    :param conn_id: its id.
    :param purpose: what it is for, for the message.
    :raises InvalidInput: if there is none of this id.
    :raises PlanetReportsError: if it may be there all the same; a retry may help.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, conf

    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        if conf.get("secrets", "backend", fallback="") or conf.get(
            "workers", "secrets_backend", fallback=""
        ):
            # Airflow says the same for whatever a secrets backend fails with.
            raise PlanetReportsError(
                f"The connection {conn_id!r} for {purpose} was not found, or the secrets backend "
                "could not be asked just now: check the id and the backend."
            ) from None
        raise InvalidInput(
            f"The connection {conn_id!r} for {purpose} does not exist: create it, or name "
            "another one."
        ) from None
