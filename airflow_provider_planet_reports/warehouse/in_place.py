"""Landed reports as a view in DuckDB, without loading anything: the files are read where they are.

DuckDB reads them through the file system of the destination's connection, so that it needs no
extension and no credentials of its own. Any engine that reads Hive partitions can do the same;
what this one adds is the receipts: a file that none of them names is not read. Lines of information
for support at a file's end are rows like all others; where such a line has more fields than the
header, what is beyond may be missing. Load the reports where that matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.warehouse.errors import ReportNotLoaded

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# The dialect is stated, not sniffed: a guess could differ from file to file.
_CSV = """
    read_csv(getvariable('landed_paths'), header = true, skip = 0, all_varchar = true,
             delim = ',', quote = '"', escape = '"', comment = '', null_padding = true,
             strict_mode = false, parallel = false, union_by_name = true,
             max_line_size = 16777216, filename = '_file', hive_partitioning = true,
             hive_types = {'report_type': VARCHAR, 'cadence': VARCHAR, 'plan_id': VARCHAR,
                           'data_date': DATE})
"""
_NOTHING = """
    SELECT NULL::VARCHAR AS _report_id, NULL::VARCHAR AS report_type, NULL::VARCHAR AS cadence,
           NULL::VARCHAR AS plan_id, NULL::DATE AS data_date WHERE false
"""


def view_of_landed(
    db: DuckDBPyConnection,
    destination: str,
    conn_id: str | None = None,
    *,
    report_type: str = "summary",
    cadence: str = "daily",
) -> None:
    """Make the view ``landed``: the rows of all reports of a type and cadence that are landed.

    Its columns are those of the files, all of them text, those of the folders (``plan_id``,
    ``data_date``, …), and ``_report_id``. The table ``receipts`` has what they say: ``_report_id``,
    ``_file`` and ``rows``.

    :param db: a connection to DuckDB, which has to stay open while the view is read.
    :param destination: where reports are landed.
    :param conn_id: connection for it.
    :param report_type: ``summary`` or ``detailed``: their files have different columns.
    :param cadence: ``daily`` or ``monthly``.
    :raises ReportNotLoaded: if there are archives (zip), which can't be read in place.
    """
    from airflow_provider_planet_reports.landing import landed_reports

    files = [
        (report["report_id"], file["uri"].removeprefix("file://"), file["rows"])
        for report in landed_reports(destination, conn_id, report_type=report_type, cadence=cadence)
        for file in report["files"]
    ]
    _register(db, destination, conn_id)
    _create(db, files)


def check_rows(db: DuckDBPyConnection) -> int:
    """Compare the number of rows of every file in the view with its receipt; return their sum.

    :param db: the connection to DuckDB that the view was made with.
    :raises ReportNotLoaded: if one differs.
    """
    counted = db.execute(
        "SELECT _file, rows, coalesce(found, 0) FROM receipts LEFT JOIN "
        "(SELECT _file, count(*) AS found FROM landed GROUP BY _file) USING (_file)"
    ).fetchall()
    for file, rows, found in counted:
        if rows not in (None, found):
            raise ReportNotLoaded(
                f"Row count mismatch: load the report instead. {file}: DuckDB reads {found} rows, "
                f"but the receipt says {rows}."
            )
    return sum(found for _, _, found in counted)


def _create(db: DuckDBPyConnection, files: list[tuple[str, str, int | None]]) -> None:
    db.execute("CREATE OR REPLACE TEMP TABLE receipts (_report_id TEXT, _file TEXT, rows BIGINT)")
    if not files:
        db.execute(f"CREATE OR REPLACE TEMP VIEW landed AS SELECT *, '' AS _file FROM ({_NOTHING})")
        return
    if zipped := [path for _, path, _ in files if path.endswith(".zip")]:
        raise ReportNotLoaded(
            f"Archives cannot be read in place: load them. {zipped[0]} and {len(zipped) - 1} more."
        )
    db.executemany("INSERT INTO receipts VALUES (?, ?, ?)", files)
    db.execute("SET VARIABLE landed_paths = (SELECT list(_file ORDER BY _file) FROM receipts)")
    db.execute(
        "CREATE OR REPLACE TEMP VIEW landed AS "
        f"SELECT _report_id, rows.* FROM {_CSV} AS rows JOIN receipts USING (_file)"
    )


def _register(db: DuckDBPyConnection, destination: str, conn_id: str | None) -> None:
    """Let DuckDB read the destination's bucket with the destination's connection."""
    from airflow_provider_planet_reports.landing.destination import parse_url
    from airflow_provider_planet_reports.landing.stores.opening import open_store

    place = parse_url(destination, conn_id)
    if place.scheme == "file" or db.filesystem_is_registered(place.scheme):
        return
    from obstore.fsspec import FsspecStore

    store: Any = open_store(f"{place.scheme}://{place.container}", place.conn_id)

    class Bucket(FsspecStore):
        cachable = False  # others may have another connection

        def _construct_store(self, bucket: str) -> Any:  # noqa: ARG002 - there is one only
            return store._bucket

    # obstore overloads this for its own schemes; ours is one of them, known at run time.
    bucket: Any = Bucket
    db.register_filesystem(bucket(place.scheme))
