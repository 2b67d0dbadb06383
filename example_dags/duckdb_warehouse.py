"""Landed reports in a DuckDB file: each report once, whole, whatever columns it has.

There is a table for each type and cadence (``summary_daily``, ``detailed_monthly``, …). The
columns come from the files, all as text: types are for views on top, and a file with a new
column adds it to the table. Columns that begin with ``_`` say which report a row is from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landed_rows import Incoming, check_rows, digests, incoming, load_missing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOADS = """
    CREATE TABLE IF NOT EXISTS loaded_reports (
        report_id VARCHAR PRIMARY KEY, table_name VARCHAR, sha256 VARCHAR[], rows BIGINT,
        loaded_at TIMESTAMPTZ DEFAULT current_timestamp)
"""
# The dialect is stated, not sniffed: a guess could differ from file to file.
_CSV = (
    "FORMAT csv, HEADER false, AUTO_DETECT false, DELIMITER ',', QUOTE '\"', ESCAPE '\"', "
    "COMMENT '', NULLSTR '', NEW_LINE '\\r\\n', PARALLEL false, MAX_LINE_SIZE 134217728"
)


# [START howto_warehouse]
def load_reports(
    warehouse: str, landed: Iterable[Mapping[str, Any]], conn_id: str | None = None
) -> dict[str, int]:
    """Load the landed reports that the warehouse does not have yet, or not in this edition.

    Each report is one transaction: its old rows go and its new ones come together.

    :param warehouse: path of the DuckDB file.
    :param landed: what ``landed_reports`` yields.
    :param conn_id: connection to read the landed files with.
    :return: rows loaded by table.
    """
    import duckdb

    with duckdb.connect(warehouse) as db:

        def load(report: Mapping[str, Any]) -> tuple[str, int]:
            with incoming(report, conn_id) as new, _transaction(db):
                _load(db, report, new)
            return new.table, new.rows

        db.execute(_LOADS)
        known = dict(db.execute("SELECT report_id, sha256 FROM loaded_reports").fetchall())
        return load_missing(landed, known, load)
    # [END howto_warehouse]


# [START howto_loaded]
def loaded_reports(warehouse: str) -> set[str]:
    """Return the ids of the reports that are loaded.

    :param warehouse: path of the DuckDB file; nothing is loaded where there is none.
    """
    import duckdb

    if not Path(warehouse).exists():
        return set()
    with duckdb.connect(warehouse) as db:
        db.execute(_LOADS)
        return {row[0] for row in db.execute("SELECT report_id FROM loaded_reports").fetchall()}
    # [END howto_loaded]


def _load(db: DuckDBPyConnection, report: Mapping[str, Any], new: Incoming) -> None:
    """Put a report's rows in the place of those that are there of it."""
    report_id, table = report["report_id"], _quoted(new.table)
    columns = {_quoted(name): kind for name, kind in new.columns.items()}
    typed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    # Columns before rows: DuckDB does not alter a table that this transaction has changed.
    db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({typed})")
    for name, kind in columns.items():
        db.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {kind}")
    for (old,) in db.execute(
        "SELECT table_name FROM loaded_reports WHERE report_id = ?", [report_id]
    ).fetchall():  # it may have been another table
        db.execute(f"DELETE FROM {_quoted(old)} WHERE _report_id = ?", [report_id])
    path = str(new.path).replace("'", "''")
    copied = db.execute(f"COPY {table} ({', '.join(columns)}) FROM '{path}' ({_CSV})").fetchall()
    check_rows(report, new.rows, copied[0][0])
    db.execute(
        "INSERT OR REPLACE INTO loaded_reports BY NAME SELECT ? AS report_id, ? AS table_name, "
        "? AS sha256, ? AS rows, now() AS loaded_at",
        [report_id, new.table, digests(report), new.rows],
    )


def _quoted(name: str) -> str:
    return '"{}"'.format(name.replace('"', '""'))


@contextmanager
def _transaction(db: DuckDBPyConnection) -> Iterator[None]:
    db.begin()
    try:
        yield
    except BaseException:
        db.rollback()
        raise
    db.commit()
