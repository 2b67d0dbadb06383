"""From a warehouse's URL to the warehouse."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.warehouse.database import Database

_EXAMPLES = "duckdb:///data/planet.duckdb or postgres://conn_id@/schema"
_SCHEMA = "planet_reports"


class Address(NamedTuple):
    """Where a warehouse is.

    :param kind: ``duckdb`` or ``postgres``.
    :param name: the file's path, or the schema.
    :param conn_id: the connection; None for a file.
    """

    kind: str
    name: str
    conn_id: str | None


def parse_warehouse(url: str, conn_id: str | None = None) -> Address:
    """Return where a warehouse's URL leads.

    :param url: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it leads nowhere.
    """
    shown = url.partition("://")[0]
    parts = urlsplit(url.strip())
    own, _, host = parts.netloc.rpartition("@")
    path = unquote(parts.path)
    if parts.scheme == "duckdb":
        if parts.netloc or not path.startswith("/") or path.endswith("/"):
            raise InvalidInput(
                f"warehouse={url!r} must have an absolute path with three slashes: "
                "duckdb:///data/planet.duckdb."
            )
        return Address("duckdb", path, None)
    if parts.scheme in ("postgres", "postgresql"):
        if ":" in own or host:
            raise InvalidInput(
                "warehouse has a host or a password in its URL: put them into an Airflow "
                "connection and name that, postgres://conn_id@/schema."
            )
        named = {name for name in (conn_id, unquote(own)) if name}
        if len(named) != 1:
            raise InvalidInput(
                f"warehouse names {len(named)} connections: name one, postgres://conn_id@/schema "
                "or warehouse_conn_id."
            )
        return Address("postgres", path.strip("/") or _SCHEMA, named.pop())
    raise InvalidInput(f"warehouse has no known scheme ({shown!r}): write {_EXAMPLES}.")


def open_warehouse(url: str, conn_id: str | None = None, *, read_only: bool = False) -> Database:
    """Return a warehouse, open; close it at the end.

    :param url: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``.
    :param conn_id: connection to use; it may as well stand in the URL.
    :param read_only: whether it is only read.
    :raises InvalidInput: if it is no such URL, or its connection cannot be used.
    :raises WarehouseError: if it cannot be opened.
    """
    address = parse_warehouse(url, conn_id)
    if address.kind == "duckdb":
        from airflow_provider_planet_reports.warehouse.duckdb import DuckDBDatabase

        return DuckDBDatabase(address.name, read_only=read_only)
    from airflow_provider_planet_reports.warehouse.postgres import PostgresDatabase

    return PostgresDatabase(str(address.conn_id), address.name)
