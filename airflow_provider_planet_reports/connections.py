"""Reading Airflow's connections."""

from __future__ import annotations

import os
from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError


class ConnectionNotFound(PlanetReportsError):
    """Airflow found no connection of this id; a retry may succeed.

    Airflow says the same if its secrets backend could not be reached just now.
    """


def connection(conn_id: str, purpose: str, conn_type: str | None = None) -> Any:
    """Return a connection.

    :param conn_id: its id.
    :param purpose: what it is for, for the message.
    :param conn_type: the type that it must have; by default any.
    :raises ConnectionNotFound: if there is none of this id, or the secrets backend is away.
    :raises InvalidInput: if it is there and cannot be read, or has another type.
    """
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    try:
        found = BaseHook.get_connection(conn_id)
    except (AirflowNotFoundException, ValueError):
        if os.environ.get(variable):  # Airflow swallows why a variable cannot be read
            raise InvalidInput(
                f"{variable} cannot be read: write it as JSON, or percent-encode each part of its "
                "URI, a host like https://example.com as https%3A%2F%2Fexample.com."
            ) from None
        raise ConnectionNotFound(
            f"Connection {conn_id!r} not found: create it, or check that the secrets backend "
            f"answers. It is for {purpose}."
        ) from None
    if conn_type and found.conn_type and found.conn_type != conn_type:
        raise InvalidInput(
            f"Connection {conn_id!r} has type {found.conn_type!r}: name one of type {conn_type!r}. "
            f"It is for {purpose}."
        )
    return found
