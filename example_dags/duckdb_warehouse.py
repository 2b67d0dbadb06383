"""Landed reports in a DuckDB file: each report once, whole, whatever columns it has.

There is a table for each type and cadence (``summary_daily``, ``detailed_monthly``, …). The
columns come from the files, all as text: types are for views on top, and a file with a new
column adds it to the table. Columns that begin with ``_`` say which report a row is from.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_LOADS = """
    CREATE TABLE IF NOT EXISTS loaded_reports (
        report_id VARCHAR PRIMARY KEY, table_name VARCHAR, sha256 VARCHAR[], rows BIGINT,
        loaded_at TIMESTAMPTZ DEFAULT current_timestamp)
"""
# The dialect is stated, not sniffed: a guess could differ from file to file. Short lines, as
# the information for support at a file's end has them, are padded; none is dropped.
_CSV = """
    read_csv(?, header = true, all_varchar = true, auto_detect = true, delim = ',', quote = '"',
             escape = '"', comment = '', null_padding = true, strict_mode = false,
             parallel = false, union_by_name = true, max_line_size = 16777216)
"""


# [START howto_warehouse]
def load_reports(
    warehouse: str, landed: Sequence[Mapping[str, Any]], conn_id: str | None = None
) -> dict[str, int]:
    """Load the landed reports that the warehouse does not have yet, or not in this version.

    Each report is one transaction: its old rows go and its new ones come together.

    :param warehouse: path of the DuckDB file.
    :param landed: what ``PlanetReportsToObjectStorageOperator`` returned.
    :param conn_id: connection to read the landed files with.
    :return: rows loaded by table.
    """
    import duckdb

    loaded: dict[str, int] = {}
    with duckdb.connect(warehouse) as db:
        db.execute(_LOADS)
        known = dict(db.execute("SELECT report_id, sha256 FROM loaded_reports").fetchall())
        for report in landed:
            digests = [file["sha256"] for file in report["files"]]
            if known.get(report["report_id"]) == digests:
                continue
            table = f"{report['report_type']}_{report['cadence']}"
            with _local_copies(report, conn_id) as paths, _transaction(db):
                rows = _load(db, table, report, paths)
                db.execute(
                    "INSERT OR REPLACE INTO loaded_reports BY NAME SELECT ? AS report_id, "
                    "? AS table_name, ? AS sha256, ? AS rows, now() AS loaded_at",
                    [report["report_id"], table, digests, rows],
                )
            loaded[table] = loaded.get(table, 0) + rows
    return loaded
    # [END howto_warehouse]


def _load(db: DuckDBPyConnection, table: str, report: Mapping[str, Any], paths: list[str]) -> int:
    """Put a report's rows in the place of those that the table has of it; return their number."""
    db.execute(
        "CREATE OR REPLACE TEMP TABLE incoming AS SELECT ? AS _report_id, "
        f"?::DATE AS _data_date, ?::VARCHAR AS _plan_id, * FROM {_CSV}",
        [report["report_id"], report["data_date_start"], report["plan_id"], paths],
    )
    rows: int = db.execute("SELECT count(*) FROM incoming").fetchall()[0][0]
    expected = [file["rows"] for file in report["files"]]
    if None not in expected and rows != sum(expected):
        raise ValueError(
            f"Report {report['report_id']}: DuckDB reads {rows} rows, but the receipt says "
            f"{sum(expected)}. Nothing of it was loaded."
        )
    db.execute(f"CREATE TABLE IF NOT EXISTS {_quoted(table)} AS FROM incoming LIMIT 0")
    for column in _columns(db, "incoming"):
        db.execute(
            f"ALTER TABLE {_quoted(table)} ADD COLUMN IF NOT EXISTS {_quoted(column)} VARCHAR"
        )
    db.execute(f"DELETE FROM {_quoted(table)} WHERE _report_id = ?", [report["report_id"]])
    db.execute(f"INSERT INTO {_quoted(table)} BY NAME FROM incoming")
    return rows


def _columns(db: DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in db.execute(f"DESCRIBE {_quoted(table)}").fetchall()]


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


@contextmanager
def _local_copies(report: Mapping[str, Any], conn_id: str | None) -> Iterator[list[str]]:
    """Give the report's files as local ones, which DuckDB can read from any store."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    with tempfile.TemporaryDirectory() as folder:
        paths: list[str] = []
        for number, file in enumerate(report["files"]):
            source = ObjectStoragePath(file["uri"], conn_id=conn_id)
            copy = Path(folder, f"{number}-{source.name}")
            with source.open("rb") as reader, copy.open("wb") as writer:
                shutil.copyfileobj(reader, writer, 2**20)
            if copy.suffix == ".zip":
                with zipfile.ZipFile(copy) as archive:
                    paths += [
                        archive.extract(name, Path(folder, str(number)))
                        for name in archive.namelist()
                        if not name.endswith("/")
                    ]
            else:
                paths.append(str(copy))
        yield paths
