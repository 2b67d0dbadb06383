"""Local CSV files: which of them a database reads just as Python does, and rewriting the others.

Databases read CSV fast, but each has its own idea of what is odd: quotes within a field, bytes
that are no UTF-8, lines with more or fewer fields than the header. Such files are read by Python's
``csv`` module, which loses nothing, and written out again as every database reads them.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from airflow_provider_planet_reports.warehouse.errors import ReportNotLoaded
from airflow_provider_planet_reports.warehouse.names import column_names

_BLOCK = 2**20
_BOM = b"\xef\xbb\xbf"
#: Characters; Python's own limit is smaller than a large footprint.
_LONGEST_FIELD = 2**24


@dataclass(frozen=True)
class CsvFile:
    """A local CSV file, ready to be copied into a table.

    :param path: the file.
    :param header: the fields of its header; empty for an empty file.
    :param columns: a column's name for each field.
    :param rows: rows below the header, as they were counted when it was landed.
    :param plain: whether a database reads it as Python does, as far as can be told in advance.
    :param skip: bytes before the first row.
    :param rewritten: whether it was written by :func:`rewrite`. Then each line begins with its
        number of fields and with those beyond the header's, and there is no header.
    :param longest: size of the longest line in bytes, where it is known.
    """

    path: Path
    header: tuple[str, ...]
    columns: tuple[str, ...]
    rows: int
    plain: bool = False
    skip: int = 0
    rewritten: bool = False
    longest: int = 0


def inspect(path: Path, rows: int) -> CsvFile:
    """Look through a file.

    :param path: the file.
    :param rows: rows below the header.
    """
    with path.open("rb") as stream:
        beginning = stream.read(_BLOCK)
    line = beginning[: beginning.find(b"\n") + 1] or beginning
    text = line.removeprefix(_BOM).removesuffix(b"\n").removesuffix(b"\r")
    simple = text.strip() and not text.count(b'"') % 2 and b"\r" not in text
    if simple and len(line) < _BLOCK and _is_plain(path, len(line)):
        header = next(csv.reader([text.decode("utf-8", "backslashreplace")]))
        return CsvFile(path, tuple(header), column_names(header), rows, True, len(line))
    with path.open("rb") as stream:
        header = header_of(stream)
    return CsvFile(path, tuple(header), column_names(header), rows)


def header_of(stream: IO[bytes]) -> list[str]:
    """Return the first record of CSV, empty where there is none.

    :param stream: its bytes, or their beginning.
    """
    return next(_records(stream), [])


def rewrite(file: CsvFile) -> CsvFile:
    """Write a file out again, so that every database reads it in the same way, and lose nothing.

    :param file: a file that was inspected.
    :raises ReportNotLoaded: if it has another number of rows than were counted.
    """
    path, width, rows, longest = Path(f"{file.path}.rewritten"), len(file.columns), 0, 0
    with file.path.open("rb") as source, path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.writer(target, lineterminator="\r\n")
        records = _records(source)
        next(records, None)
        for record in records:
            rows += 1
            while len(record) > width and not record[-1]:
                del record[-1]  # DuckDB leaves out empty fields beyond the header's without a word
            size = len(record)
            more = json.dumps(record[width:], ensure_ascii=False) if size > width else None
            values = record[:width] if size >= width else [*record, *[None] * (width - size)]
            # Each character takes at most four bytes, and each quote is written twice.
            line: list[object] = [size, more, *values]
            longest = max(longest, sum(len(str(each)) for each in line) * 8)
            writer.writerow(line)
    if rows != file.rows:
        raise ReportNotLoaded(
            f"Row count mismatch: verify the landing zone, or land the report again. A file has "
            f"{rows} rows, but the receipt says {file.rows}."
        )
    return replace(file, path=path, plain=True, skip=0, rewritten=True, longest=longest)


def check_columns(files: Sequence[CsvFile], required: Sequence[str]) -> str | None:
    """Refuse a report whose files cannot be what they should be; return what is only odd.

    :param files: the report's files.
    :param required: columns that each has to have.
    :raises ReportNotLoaded: if a file lacks one, or a header.
    """
    with_header = [file for file in files if file.header]
    for number, file in enumerate(with_header, 1):
        there = {name.casefold() for name in file.columns}
        shown = ",".join(file.header)[:100]
        if missing := [name for name in required if name.casefold() not in there]:
            raise ReportNotLoaded(
                f"Column {missing[0]!r} is missing: check required_columns, and the file. Its "
                f"first line is {shown!r}."
            )
        first = {name.casefold() for name in with_header[0].columns}
        if not first & there:
            raise ReportNotLoaded(
                f"File {number} has no header: ask Planet, or put the report into except_reports. "
                f"Its first line shares no column with that of the first file: {shown!r}."
            )
        if is_no_table(file.header):
            return (
                f"The only column is {shown!r}: ask Planet for columns separated by commas, below "
                "nothing but the header, or convert the files in a task of your own. There is no "
                "option for another delimiter. required_columns refuses such files."
            )
    return None


def is_no_table(header: Sequence[str]) -> bool:
    """Whether a header has one column only because another delimiter, or prose, is in it.

    :param header: its fields.
    """
    return len(header) == 1 and any(mark in header[0] for mark in (";", "\t", "|", " "))


def groups(files: Sequence[CsvFile]) -> Mapping[tuple[tuple[str, ...], bool], list[CsvFile]]:
    """Return the files that can be read together: with the same columns in the same order."""
    found: dict[tuple[tuple[str, ...], bool], list[CsvFile]] = {}
    for file in files:
        if file.rows:
            found.setdefault((file.columns, file.rewritten), []).append(file)
    return found


def _records(stream: IO[bytes]) -> Iterator[list[str]]:
    """Yield the records of CSV, as they are counted when it is landed: blank lines are none.

    What is not UTF-8, or no text to a database, is written as an escape: it is not lost.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    with io.TextIOWrapper(stream, "utf-8-sig", "backslashreplace", newline="") as text:
        lines = (line.replace("\0", "\\x00") for line in text)
        yield from filter(None, csv.reader(lines))


def _is_plain(path: Path, skip: int) -> bool:
    """Whether a file is text in UTF-8 whose quotes enclose whole fields.

    :param path: the file.
    :param skip: size of its first line, which is simple.
    """
    decoder, quotes = codecs.getincrementaldecoder("utf-8")(), _Quotes()
    with path.open("rb") as stream:
        stream.seek(skip)
        try:
            while block := stream.read(_BLOCK):
                decoder.decode(block)
                if b"\0" in block or not quotes.enclose_fields(block):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return quotes.closed


class _Quotes:
    """Whether all quotes of CSV enclose whole fields: blocks may be cut anywhere."""

    def __init__(self) -> None:
        #: A short text that what has been seen is the same as, for what follows.
        self._before = b""

    @property
    def closed(self) -> bool:
        """Whether the last quoted field has ended."""
        return self._before != b'"'

    def enclose_fields(self, block: bytes) -> bool:
        """Take the next block; return False once a quote is within a field, or text behind one."""
        from airflow_provider_planet_reports.landing.content import bitmaps, rows

        text = bitmaps.padded(self._before, block)
        if b'"' not in text:
            self._before = rows.going_on(text, quoted=False)
            return True
        match = bitmaps.match
        quotes = match('"', text)
        ends = quotes | match("\n", text) | match("\r", text) | match(",", text)
        inside = bitmaps.inside_quotes(quotes)
        opens_late = quotes & inside & ~bitmaps.shift_one(ends)
        goes_on = bitmaps.shift_one(quotes & ~inside) & ~ends
        self._before = rows.going_on(text, quoted=bitmaps.ends_inside(inside))
        return not (opens_late | goes_on).any()
