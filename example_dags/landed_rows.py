"""The rows of landed reports, the same for every warehouse.

Which of them a warehouse lacks, how their files are read, and how many rows there have to be is
decided here, once. A warehouse is given one file for each report, which it copies as it is.

The columns are those of the report's files, all of them text, since Planet does not publish them
as a contract. Beside them, columns that begin with ``_`` say where a row comes from, and keep what
does not fit: a file may end with lines of information for support. Those with few fields lack
columns, those with many have the rest in ``_more``; ``_fields`` tells either from data.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import itertools
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

#: Our own columns, with types that every warehouse has.
OWN_COLUMNS = {
    "_report_id": "VARCHAR",
    "_data_date": "DATE",
    "_plan_id": "VARCHAR",
    "_row": "BIGINT",  # counted over all files of the report
    "_fields": "BIGINT",  # as many as the line had
    "_more": "VARCHAR",  # those beyond the header's, as a JSON list
}
_LONGEST_NAME = 63  # bytes; what PostgreSQL allows, which cuts longer ones without a word
_LONGEST_FIELD = 2**24  # characters; Python's own limit is smaller than a large footprint


@dataclass(frozen=True)
class Incoming:
    """A report, ready to be copied into a table.

    :param table: the table's name.
    :param columns: columns of the file with their types, in its order.
    :param path: CSV in UTF-8 without a header, lines end in CR LF, an empty field is NULL.
    :param rows: rows in the file: as many as the receipt says.
    """

    table: str
    columns: Mapping[str, str]
    path: Path
    rows: int


# [START howto_landed_rows]
def load_missing(
    landed: Iterable[Mapping[str, Any]],
    known: Mapping[str, Sequence[str]],
    load: Callable[[Mapping[str, Any]], tuple[str, int]],
) -> dict[str, int]:
    """Load the landed reports that a warehouse does not have yet, or not in this edition.

    A report that cannot be loaded does not stop the others; it is named at the end.

    :param landed: what ``landed_reports`` yields.
    :param known: the digests of what is loaded, by report id.
    :param load: loads one report, whole or not at all, and returns its table and rows.
    :return: rows loaded by table.
    :raises ValueError: if a report could not be loaded.
    """
    loaded: dict[str, int] = {}
    failures = []
    for report in landed:
        if known.get(report["report_id"]) == digests(report):
            continue
        try:
            table, rows = load(report)
        except Exception as error:
            failures.append(f"{report['report_id']}: {error}")
        else:
            loaded[table] = loaded.get(table, 0) + rows
    if failures:
        raise ValueError(f"{len(failures)} reports could not be loaded. {' '.join(failures)}")
    return loaded


def digests(report: Mapping[str, Any]) -> list[str]:
    """Return what tells a landed report from another edition of it."""
    return [file["sha256"] for file in report["files"]]


@contextmanager
def incoming(report: Mapping[str, Any], conn_id: str | None = None) -> Iterator[Incoming]:
    """Give a landed report as one local file, and prove that it is what the receipt says.

    It takes disk space for the report twice, and no memory to speak of.

    :param report: one that ``landed_reports`` yields.
    :param conn_id: connection to read the landed files with.
    :raises ValueError: if a file has other bytes, or another number of rows, than its receipt says.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies = [_copy(file, folder, conn_id) for file in report["files"]]
        columns = _columns_of(copies)
        path, rows = folder / "incoming.csv", 0
        with path.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target, lineterminator="\r\n")
            for file, copy in zip(report["files"], copies, strict=True):
                before = rows
                for rows, record in enumerate(_records_of(copy, columns), before + 1):
                    writer.writerow((*_origin(report), rows, *record))
                if file["rows"] not in (None, rows - before):
                    raise ValueError(
                        f"Report {report['report_id']}: {file['uri']} has {rows - before} rows, "
                        f"but the receipt says {file['rows']}. Nothing of the report was loaded."
                    )
        types = {**OWN_COLUMNS, **dict.fromkeys(columns.values(), "VARCHAR")}
        yield Incoming(f"{report['report_type']}_{report['cadence']}", types, path, rows)
        # [END howto_landed_rows]


def check_rows(report: Mapping[str, Any], expected: int, loaded: int) -> None:
    """Raise an error if a warehouse has not taken as many rows as it was given.

    :param report: the landed report.
    :param expected: rows that it was given.
    :param loaded: rows that it says it took.
    """
    if loaded != expected:
        raise ValueError(
            f"Report {report['report_id']}: the warehouse took {loaded} rows, but the receipt "
            f"says {expected}. Nothing of the report was loaded."
        )


def _origin(report: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return report["report_id"], report["data_date_start"][:10], report["plan_id"]


def _copy(file: Mapping[str, Any], folder: Path, conn_id: str | None) -> Path:
    """Return a local copy of a landed file, which has the bytes that were landed."""
    from airflow_provider_planet_reports.landing.stores.opening import open_store

    place, _, name = file["uri"].rpartition("/")
    copy, digest = Path(tempfile.mkdtemp(dir=folder), name), hashlib.sha256()
    with copy.open("wb") as writer:
        for piece in open_store(place, conn_id).stream(name):
            digest.update(piece)
            writer.write(piece)
    if digest.hexdigest() != file["sha256"]:
        raise ValueError(
            f"{file['uri']} has other bytes than its receipt says. If it was landed again "
            "meanwhile, the next run loads it; `verify` on the command line finds what is torn."
        )
    return copy


def _columns_of(copies: Iterable[Path]) -> dict[str, str]:
    """Return the columns that any of the files has: their names, by what tells them apart."""
    columns: dict[str, str] = {}
    for copy in copies:
        for records in _tables(copy):
            for name in _names(next(records, [])):
                columns.setdefault(name.casefold(), name)
    return columns


def _records_of(copy: Path, columns: Mapping[str, str]) -> Iterator[list[Any]]:
    """Yield number of fields, fields beyond the header, and the columns' values, of each record."""
    places = {key: place for place, key in enumerate(columns)}
    for records in _tables(copy):
        positions = [places[name.casefold()] for name in _names(next(records, []))]
        in_place = positions == list(range(len(columns)))
        for record in records:
            size = len(record)
            if in_place and size == len(columns):
                yield [size, None, *record]
                continue
            values: list[str | None] = [None] * len(columns)
            for position, value in zip(positions, record, strict=False):
                values[position] = value
            more = json.dumps(record[len(positions) :], ensure_ascii=False)
            yield [size, more if size > len(positions) else None, *values]


def _tables(copy: Path) -> Iterator[Iterator[list[str]]]:
    """Yield the records of a landed file; those of each of its files where it is an archive."""
    if copy.suffix == ".zip":
        with zipfile.ZipFile(copy) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    with archive.open(member) as stream:
                        yield _records(stream)
    else:
        with gzip.open(copy) if copy.suffix == ".gz" else copy.open("rb") as stream:
            yield _records(stream)


def _records(stream: IO[bytes]) -> Iterator[list[str]]:
    """Yield the records of CSV, as they are counted when it is landed: blank lines are none.

    What is not UTF-8, or no text to a database, is written as an escape: it is not lost.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    with io.TextIOWrapper(stream, "utf-8-sig", "backslashreplace", newline="") as text:
        lines = (line.replace("\0", "\\x00") for line in text)
        yield from filter(None, csv.reader(lines))


def _names(header: Sequence[str]) -> list[str]:
    """Return a column's name for each field of a header: none is ours, and none comes twice.

    Upper and lower case do not tell columns apart, in DuckDB.
    """
    names: list[str] = []
    taken = set(OWN_COLUMNS)
    for number, field in enumerate(header, 1):
        wanted = field.strip() or f"column_{number}"
        for again in itertools.count(1):
            ending = f"_{again}" if again > 1 else ""
            name = _shortened(wanted, _LONGEST_NAME - len(ending)) + ending
            if name.casefold() not in taken:
                break
        taken.add(name.casefold())
        names.append(name)
    return names


def _shortened(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")
