"""Reading Airflow's connections."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError


def connection(conn_id: str, purpose: str, conn_type: str | None = None) -> Any:
    """Return a connection.

    :param conn_id: its id.
    :param purpose: what it is for, for the message.
    :param conn_type: the type that it has to have, if there is only one.
    :raises InvalidInput: if there is none of this id, or it has another type.
    :raises PlanetReportsError: if it may be there all the same; a retry may help.
    """
    from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook, conf

    try:
        found = BaseHook.get_connection(conn_id)
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
    if conn_type not in (None, found.conn_type):
        raise InvalidInput(
            f"The connection {conn_id!r} has the type {found.conn_type!r}: {purpose} needs one of "
            f"type {conn_type!r}."
        )
    return found


def fingerprint(connection: Any) -> int:
    """Return what changes when a connection does, or the environment; for this process only.

    :param connection: the connection; None for the environment alone.
    """
    names = ("login", "password", "host", "port", "schema", "extra")
    content = tuple(getattr(connection, name, None) for name in names)
    return hash((content, frozenset(os.environ.items())))


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
