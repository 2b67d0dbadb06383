"""Landed reports as a view in DuckDB, without loading anything: the files are read where they are.

DuckDB reads them through the file system of the destination's connection, so that it needs no
extension and no credentials of its own. Any engine that reads Hive partitions can do the same;
what this one adds is the receipts: a file that none of them names is not read. Lines of information
for support at a file's end are rows like all others; where such a line has more fields than the
header, what is beyond is missing. Load the reports where that matters.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_planet_reports.landing.destination import place_of
from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.side_by_side import side_by_side
from airflow_provider_planet_reports.landing.zone import LandingZone, open_zone
from airflow_provider_planet_reports.warehouse.csv_files import header_of
from airflow_provider_planet_reports.warehouse.database import date_of, literal
from airflow_provider_planet_reports.warehouse.errors import ReportNotLoaded
from airflow_provider_planet_reports.warehouse.names import column_names, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Headers are read side by side: it is a matter of round trips.
_READERS = 32
#: A file with a byte that is no UTF-8 is read as Latin-1, in which all bytes are text.
_ENCODINGS = ("utf-8", "latin-1")
_OWN = "_report_id, _plan_id, _data_date"


class _File(NamedTuple):
    """A landed file, as DuckDB can read it.

    :param path: its path or address.
    :param columns: a column's name for each field of its header.
    :param rows: its rows, as its receipt says.
    """

    path: str
    columns: tuple[str, ...]
    rows: int | None


def view_of_landed(
    db: DuckDBPyConnection,
    destination: str,
    conn_id: str | None = None,
    *,
    report_type: str = "summary",
    cadence: str = "daily",
) -> int:
    """Make the view ``landed``: the rows of all reports of a type and cadence that are landed.

    Its columns are those of the files, all of them text, after ``_report_id``, ``_plan_id`` and
    ``_data_date``; they are called as in a loaded table. Each file is read through once, to compare
    its rows with its receipt.

    :param db: a connection to DuckDB, which has to stay open while the view is read.
    :param destination: where reports are landed.
    :param conn_id: connection for it.
    :param report_type: ``summary`` or ``detailed``: their files have different columns.
    :param cadence: ``daily`` or ``monthly``.
    :return: the number of rows in the view.
    :raises ReportNotLoaded: if DuckDB cannot read a file in place: an archive (zip), or one of
        which it reads another number of rows than its receipt says.
    :raises UnreadableReceipt: if a receipt cannot be read.
    """
    zone = open_zone(destination, conn_id)
    place = place_of(destination, conn_id)
    if place.scheme != "file" and not db.filesystem_is_registered(place.scheme):
        _register(db, place.scheme, f"{place.scheme}://{place.container}", place.conn_id)
    keys = zone.find(report_type=report_type, cadence=cadence)
    receipts = [*zone.receipts(keys, on_unreadable=_refuse)]
    db.execute(
        "CREATE OR REPLACE TEMP TABLE landed_files "
        "(_file TEXT, _report_id TEXT, _plan_id TEXT, _data_date DATE)"
    )
    rows = [
        (_path(zone, file), key.report_id, key.plan_id, date_of(key))
        for key, files in ((receipt.key, receipt.files) for receipt in receipts)
        for file in files
    ]
    if rows:
        db.executemany("INSERT INTO landed_files VALUES (?, ?, ?, ?)", rows)
    files = [*_files(zone, receipts)]
    parts = [f"SELECT {_OWN} FROM landed_files WHERE false", *_selects(db, files)]
    db.execute(f"CREATE OR REPLACE TEMP VIEW landed AS {' UNION ALL BY NAME '.join(parts)}")
    return sum(file.rows or 0 for file in files)


def _files(zone: LandingZone, receipts: Iterable[Receipt]) -> Iterator[_File]:
    """Yield the files that have a header, and with it columns."""
    landed = [file for receipt in receipts for file in receipt.files]
    if zipped := [file for file in landed if file.name.endswith(".zip")]:
        raise ReportNotLoaded(
            f"Archives cannot be read in place: load them. {_path(zone, zipped[0])} and "
            f"{len(zipped) - 1} more."
        )

    def columns_of(file: LandedFile) -> tuple[str, ...]:
        pieces = zone.store.stream(file.name)
        beginning: Any = io.BytesIO(next(pieces, b""))
        if file.name.endswith(".gz"):
            beginning = gzip.GzipFile(fileobj=beginning)
        return column_names(header_of(beginning))

    columns = side_by_side(zone.store, columns_of, landed, threads=_READERS)
    for file, names in zip(landed, columns, strict=True):
        if names:
            yield _File(_path(zone, file), names, file.rows)


def _selects(db: DuckDBPyConnection, files: Sequence[_File]) -> Iterator[str]:
    """Yield queries that read all files, each with the rows that its receipt says."""
    left: Sequence[_File] = files
    found: dict[str, int] = {}
    for encoding in _ENCODINGS:
        for columns, group in _by_columns(left):
            # DuckDB looks only at the bytes of columns that a query needs: this one needs all.
            values = ", ".join(f"c{number}" for number in range(len(columns)))
            read = _csv(group, columns, encoding)
            query = f"SELECT _file, count(hash({values})) FROM {read} GROUP BY ALL"
            found.update(db.execute(query).fetchall())
        good = [file for file in left if file.rows == found.get(file.path, 0)]
        for columns, group in _by_columns(good):
            named = ", ".join(f"c{n} AS {quoted(name)}" for n, name in enumerate(columns))
            read = _csv(group, columns, encoding)
            yield f"SELECT {_OWN}, {named} FROM {read} JOIN landed_files USING (_file)"
        left = [file for file in left if file not in {*good}]
    for file in left:
        raise ReportNotLoaded(
            f"Row count mismatch: load the report instead. DuckDB reads {found.get(file.path, 0)} "
            f"rows, but the receipt says {file.rows}. {file.path}"
        )


def _refuse(_: ReportKey, error: UnreadableReceipt) -> None:
    raise error


def _by_columns(files: Iterable[_File]) -> Iterable[tuple[tuple[str, ...], list[_File]]]:
    found: dict[tuple[str, ...], list[_File]] = {}
    for file in files:
        found.setdefault(file.columns, []).append(file)
    return found.items()


def _csv(files: Sequence[_File], columns: Sequence[str], encoding: str) -> str:
    # The dialect is stated, not sniffed: a guess could differ from file to file.
    paths = ", ".join(literal(file.path) for file in files)
    kinds = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(len(columns)))
    return (
        f"read_csv([{paths}], columns = {{{kinds}}}, auto_detect = false, header = true, "
        "delim = ',', quote = '\"', escape = '\"', comment = '', nullstr = '', "
        "null_padding = true, strict_mode = false, ignore_errors = true, parallel = false, "
        f"max_line_size = 16777216, encoding = '{encoding}', filename = '_file', "
        "hive_partitioning = false)"
    )


def _path(zone: LandingZone, file: LandedFile) -> str:
    return zone.store.uri(file.name).removeprefix("file://")


def _register(db: DuckDBPyConnection, scheme: str, container: str, conn_id: str | None) -> None:
    """Let DuckDB read a bucket with the destination's connection."""
    from obstore.fsspec import FsspecStore

    from airflow_provider_planet_reports.landing.stores.opening import open_store

    store: Any = open_store(container, conn_id)

    class Bucket(FsspecStore):
        cachable = False  # others may have another connection

        def _construct_store(self, bucket: str) -> Any:  # noqa: ARG002 - there is one only
            return store.bucket

    # obstore overloads this for its own schemes; ours is one of them, known at run time.
    bucket: Any = Bucket
    db.register_filesystem(bucket(scheme))
