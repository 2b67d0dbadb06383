"""Counting the rows of CSV while it streams by."""

from __future__ import annotations

import re
import zlib
from typing import Protocol

_BOM = b"\xef\xbb\xbf"
_SPECIAL = re.compile(rb'[",\r\n]')
_SEPARATORS = b",\r\n"
_INFLATED = 2**20
#: As many bytes tell the kinds of files apart.
SIGNATURE_SIZE = 4


class RowCounter(Protocol):
    """Counts the rows of a file that it sees chunk by chunk."""

    def update(self, data: bytes) -> None:
        """Take the next bytes."""

    def rows(self) -> int | None:
        """Return the number of rows below the header, or None where it can't be known."""


class CSVRows:
    """Counts records as Python's ``csv`` module reads them; blank lines are no records.

    A quote opens a quoted field only at the field's beginning; line ends inside of quotes
    belong to the field. Chunks may be cut anywhere.
    """

    def __init__(self) -> None:
        self._records = 0
        self._held = b""  # a tail whose meaning depends on what follows
        self._begun = False  # whether the byte order mark has been dealt with
        self._quoted = False
        self._content = False  # whether the current record has any content yet
        self._field_start = True

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        data = self._held + data
        self._held = b""
        if not self._begun:
            if _BOM.startswith(data):
                self._held = data
                return
            data = data.removeprefix(_BOM)
            self._begun = True
        body = data.rstrip(b'"')
        self._count(body)
        self._trailing_quotes(len(data) - len(body))

    def rows(self) -> int:
        """Return the number of records below the header."""
        if self._held and self._held != _BOM:
            self._count(self._held)
        self._held = b""
        if self._content:
            self._end_record()
        return max(self._records - 1, 0)

    def _count(self, data: bytes) -> None:
        if b'"' not in data:
            if not self._quoted:
                self._plain(data)
            return
        # An escaped quote, or an empty quoted field: content without structure either way.
        pieces = data.replace(b'""', b"x").split(b'"')
        if not self._quotes_are_in_place(pieces):
            self._slowly(data)
            return
        for number, piece in enumerate(pieces):
            if number:
                self._quoted = not self._quoted
                self._content = True
                self._field_start = False
            if not self._quoted:
                self._plain(piece)

    def _trailing_quotes(self, count: int) -> None:
        """Take quotes at a chunk's end, of which the last may be half of an escaped one."""
        if not count:
            return
        self._content = True
        if not self._quoted and self._field_start:
            self._quoted, self._field_start = True, False
            count -= 1
        if self._quoted:
            self._held = b'"' * (count % 2)

    def _quotes_are_in_place(self, pieces: list[bytes]) -> bool:
        """Whether every quote that seems to open a field stands at a field's beginning."""
        first = 1 if self._quoted else 0
        for number in range(first, len(pieces) - 1, 2):
            piece = pieces[number]
            if not piece:
                if number == 0 and not self._field_start:
                    return False
            elif piece[-1] not in _SEPARATORS:
                return False
        return True

    def _plain(self, data: bytes) -> None:
        """Count the records that end in bytes outside of quotes."""
        if not data:
            return
        if b"\r" in data:
            data = data.replace(b"\r", b"\n")
        first_end = data.find(b"\n")
        self._field_start = data[-1] in _SEPARATORS
        if first_end < 0:
            self._content = True
            return
        if first_end > 0 or self._content:
            self._records += 1
        rest = data[first_end:]
        while b"\n\n" in rest:
            rest = rest.replace(b"\n\n", b"\n")
        self._records += rest.count(b"\n") - 1
        self._content = not rest.endswith(b"\n")

    def _end_record(self) -> None:
        self._records += 1
        self._content = False

    def _slowly(self, data: bytes) -> None:
        """Count by the letter: for stray quotes, which need every field's beginning."""
        position = 0
        while position < len(data):
            if self._quoted:
                position = self._leave_quotes(data, position)
                continue
            found = _SPECIAL.search(data, position)
            at = found.start() if found else len(data)
            if at > position:
                self._content, self._field_start = True, False
            position = at + 1
            if found is None:
                break
            byte = found.group()
            if byte == b'"':
                self._quoted = self._field_start
                self._content, self._field_start = True, False
            elif byte == b",":
                self._content = self._field_start = True
            else:
                if self._content:
                    self._end_record()
                self._field_start = True

    def _leave_quotes(self, data: bytes, position: int) -> int:
        """Return the position behind the quoted field that goes on at a position."""
        at = data.find(b'"', position)
        if at < 0:
            return len(data)
        if data[at + 1 : at + 2] == b'"':
            return at + 2
        self._quoted = False
        return at + 1


class GzippedCSVRows:
    """Counts the records of gzip-compressed CSV, without holding more than a chunk of it."""

    def __init__(self) -> None:
        self._inner = CSVRows()
        self._gzip = zlib.decompressobj(wbits=31)
        self._between_members = False
        self._broken = False

    def update(self, data: bytes) -> None:
        """Take the next compressed bytes."""
        try:
            while data and not self._broken:
                if self._between_members:
                    data = data.lstrip(b"\0")  # padding
                    if not data:
                        return
                    self._between_members = False
                    self._gzip = zlib.decompressobj(wbits=31)
                self._inner.update(self._gzip.decompress(data, _INFLATED))
                data = self._gzip.unconsumed_tail
                if self._gzip.eof:
                    data = self._gzip.unused_data
                    self._between_members = True
        except zlib.error:
            self._broken = True

    def rows(self) -> int | None:
        """Return the number of records below the header; None for damaged or cut gzip."""
        whole = self._between_members and not self._broken
        return self._inner.rows() if whole else None


class UnknownRows:
    """Stands in for formats that can't be counted in passing, such as zip."""

    def update(self, data: bytes) -> None:
        """Take the next bytes."""

    def rows(self) -> None:
        """Return None: not known."""


def kind_of(beginning: bytes) -> tuple[str, RowCounter]:
    """Return the extension that a file's first bytes call for, and a counter for its rows.

    :param beginning: at least :data:`SIGNATURE_SIZE` bytes, where the file has as many.
    """
    if beginning.startswith(b"\x1f\x8b"):
        return ".csv.gz", GzippedCSVRows()
    if beginning.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ".zip", UnknownRows()
    return ".csv", CSVRows()
