"""Reading Airflow's connections."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
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
    :param conn_type: the type that it has to have, if there is only one.
    :raises ConnectionNotFound: if there is none of this id, or the secrets backend is away.
    :raises InvalidInput: if it is there and cannot be read, or has another type.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook

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
    if conn_type not in (None, found.conn_type):
        raise InvalidInput(
            f"Wrong connection type {found.conn_type!r}: name one of type {conn_type!r}. "
            f"Connection {conn_id!r} is for {purpose}."
        )
    return found


def fingerprint(connection: Any) -> int:
    """Return what changes when a connection does, or the environment; for this process only.

    It also changes every quarter of an hour, since files that are named there may have changed.

    :param connection: the connection; None for the environment alone.
    """
    names = ("login", "password", "host", "port", "schema", "extra")
    content = tuple(getattr(connection, name, None) for name in names)
    return hash((content, frozenset(os.environ.items()), int(time.monotonic() / 900)))


def ca_certificates(verify: str | None) -> bytes:
    """Return the certificates of the authorities to trust, in PEM format.

    :param verify: their file, or a folder with files that end in ``.pem``; by default
        ``REQUESTS_CA_BUNDLE`` or ``CURL_CA_BUNDLE``, or those that Python's clients trust.
    :raises InvalidInput: if they cannot be read.
    """
    from certifi import where

    surroundings = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    found = Path(verify or surroundings or where())
    files = sorted(found.glob("*.pem")) if found.is_dir() else [found]
    try:
        return b"\n".join(file.read_bytes() for file in files)
    except OSError:
        raise InvalidInput(
            f"CA file {str(found)!r} cannot be read: correct verify in the connection, or "
            "REQUESTS_CA_BUNDLE. (true and false go without quotes.)"
        ) from None


def refuse_settings(given: Iterable[str], instead: Mapping[str, str], where: str) -> None:
    """Refuse settings that cannot be followed.

    :param given: the names that there are.
    :param instead: names that are refused, and what to do instead of each.
    :param where: where they are, for the message.
    :raises InvalidInput: for the first of them.
    """
    for name in sorted(set(given) & set(instead)):
        raise InvalidInput(f"{name!r} in {where} is not supported: {instead[name]}.")
