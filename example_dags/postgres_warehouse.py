"""Landed reports in PostgreSQL: each report once, whole, whatever columns it has.

The same tables as ``duckdb_warehouse.py`` makes, in a schema of their own. Any number of runs may
load at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from landed_rows import Incoming, check_rows, digests, incoming, load_missing

SCHEMA = "planet_reports"
_LOADS = f"""
    CREATE SCHEMA IF NOT EXISTS {SCHEMA};
    CREATE TABLE IF NOT EXISTS {SCHEMA}.loaded_reports (
        report_id TEXT PRIMARY KEY, table_name TEXT NOT NULL, sha256 TEXT[] NOT NULL,
        rows BIGINT NOT NULL, loaded_at TIMESTAMPTZ NOT NULL DEFAULT now())
"""
_PIECE = 2**20


# [START howto_postgres]
def load_reports(
    postgres_conn_id: str, landed: Iterable[Mapping[str, Any]], conn_id: str | None = None
) -> dict[str, int]:
    """Load the landed reports that the warehouse does not have yet, or not in this edition.

    Each report is one transaction: its old rows go and its new ones come together.

    :param postgres_conn_id: connection to the database.
    :param landed: what ``landed_reports`` yields.
    :param conn_id: connection to read the landed files with.
    :return: rows loaded by table.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    with closing(PostgresHook(postgres_conn_id).get_conn()) as connection:

        def load(report: Mapping[str, Any]) -> tuple[str, int]:
            with incoming(report, conn_id) as new, _transaction(connection) as cursor:
                # A run that loads the same report waits here, and then finds it loaded.
                _lock(cursor, report["report_id"])
                return new.table, new.rows if _load(cursor, report, new) else 0

        return load_missing(landed, _known(connection), load)
    # [END howto_postgres]


def loaded_reports(postgres_conn_id: str) -> set[str]:
    """Return the ids of the reports that are loaded.

    :param postgres_conn_id: connection to the database.
    """
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    with closing(PostgresHook(postgres_conn_id).get_conn()) as connection:
        return set(_known(connection))


def _known(connection: Any) -> dict[str, list[str]]:
    """Return the digests of what is loaded, by report id."""
    with _transaction(connection) as cursor:
        _lock(cursor, "")  # two that create the same thing at once would hinder each other
        cursor.execute(_LOADS)
        cursor.execute(f"SELECT report_id, sha256 FROM {SCHEMA}.loaded_reports")
        return dict(cursor.fetchall())


def _load(cursor: Any, report: Mapping[str, Any], new: Incoming) -> bool:
    """Put a report's rows in the place of those that are there of it, unless they are the same."""
    report_id, table = report["report_id"], f"{SCHEMA}.{_quoted(new.table)}"
    cursor.execute(
        f"SELECT table_name, sha256 FROM {SCHEMA}.loaded_reports WHERE report_id = %s", [report_id]
    )
    before = cursor.fetchall()
    if any(sha256 == digests(report) for _, sha256 in before):
        return False
    columns = ", ".join(map(_quoted, _columns(cursor, table, new)))
    for old, _ in before:  # it may have been another table
        cursor.execute(f"DELETE FROM {SCHEMA}.{_quoted(old)} WHERE _report_id = %s", [report_id])
    statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv, NULL '', ENCODING 'UTF8')"
    check_rows(report, new.rows, _copy(cursor, statement, new.path))
    cursor.execute(
        f"INSERT INTO {SCHEMA}.loaded_reports (report_id, table_name, sha256, rows) "
        "VALUES (%s, %s, %s::text[], %s) ON CONFLICT (report_id) DO UPDATE SET loaded_at = now(), "
        "table_name = excluded.table_name, sha256 = excluded.sha256, rows = excluded.rows",
        [report_id, new.table, digests(report), new.rows],
    )
    return True


def _columns(cursor: Any, table: str, new: Incoming) -> list[str]:
    """Return what the table calls the report's columns; it is given those that it lacks.

    Only where one is lacking are others kept from the table, until this transaction is over.
    """
    there = _columns_there(cursor, new.table)
    if not there.keys() >= {name.casefold() for name in new.columns}:
        _lock(cursor, table)
        there = _columns_there(cursor, new.table)
        if not there:
            cursor.execute(f"CREATE TABLE {table} (_report_id VARCHAR)")
            cursor.execute(f"CREATE INDEX ON {table} (_report_id)")
            there = {"_report_id": "_report_id"}
        for name, kind in new.columns.items():
            if name.casefold() not in there:
                cursor.execute(f"ALTER TABLE {table} ADD COLUMN {_quoted(name)} {kind}")
                there[name.casefold()] = name
    return [there[name.casefold()] for name in new.columns]


def _columns_there(cursor: Any, table: str) -> dict[str, str]:
    cursor.execute(
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = %s AND table_name = %s",
        [SCHEMA, table],
    )
    return {name.casefold(): name for (name,) in cursor.fetchall()}


def _copy(cursor: Any, statement: str, path: Path) -> int:
    """Copy a file into a table, piece by piece; return the number of rows."""
    with path.open("rb") as file:
        if hasattr(cursor, "copy_expert"):  # psycopg2
            cursor.copy_expert(statement, file, _PIECE)
        else:
            with cursor.copy(statement) as copy:
                while piece := file.read(_PIECE):
                    copy.write(piece)
    rows: int = cursor.rowcount
    return rows


def _lock(cursor: Any, name: str) -> None:
    """Wait until nobody else has the lock of this name, and keep it until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{SCHEMA} {name}"])


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


@contextmanager
def _transaction(connection: Any) -> Iterator[Any]:
    with closing(connection.cursor()) as cursor:
        try:
            yield cursor
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
