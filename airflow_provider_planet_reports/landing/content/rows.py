"""Counting the rows of CSV while it streams by."""

from __future__ import annotations

import re
import zlib

from airflow_provider_planet_reports.landing.errors import DamagedContent

_BOM = b"\xef\xbb\xbf"
_SPECIAL = re.compile(rb'[",\r\n]')
#: Of a quote that opens quotes, or does so again, as the second half of an escaped one.
_BEFORE_OPENING = b',\n\r"'
#: So much is looked at at once, of what comes in as much or more.
_BLOCK = 2**20
_INFLATED = 2**20
_BAD_GZIP = "The file is gzip that {}: Planet has to issue it again."


class RowCounter:
    """Counts the rows of a file that it sees chunk by chunk. This one cannot: it is for zip."""

    def update(self, data: bytes) -> None:
        """Take the next bytes.

        :raises DamagedContent: if its format tells that they are damaged.
        """

    def rows(self) -> int | None:
        """Return the number of rows below the header, or None where it can't be known."""
        return None

    def complete(self) -> None:
        """Check that the file is whole, as far as its format tells.

        :raises DamagedContent: if it is not.
        """


class CSVRows(RowCounter):
    """Counts records as Python's ``csv`` module reads them; blank lines are no records.

    A quote opens a quoted field only at the field's beginning; line ends inside of quotes
    belong to the field. Chunks may be cut anywhere.
    """

    def __init__(self) -> None:
        # numpy is imported by the tasks that land, and not where DAG files are parsed.
        from airflow_provider_planet_reports.landing.content.bitmaps import Matcher

        self._matcher = Matcher()
        self._records = 0
        self._beginning: bytes | None = b""  # None once the byte order mark is dealt with
        self._quoted = False
        #: Whether a quote would open quotes: at the beginning of a field, or again, behind the one
        #: that closed them.
        self._opens = True
        self._content = False  # whether the current record has any content yet

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        if self._beginning is not None:
            data = self._beginning + data
            if _BOM.startswith(data):
                self._beginning = data
                return
            data = data.removeprefix(_BOM)
            self._beginning = None
        for begin in range(0, len(data), _BLOCK):
            block = data[begin : begin + _BLOCK]
            if not self._at_once(block):
                self._by_the_letter(block)

    def rows(self) -> int:
        """Return the number of records below the header."""
        unfinished = self._content or self._beginning in (_BOM[:1], _BOM[:2])
        return max(self._records + unfinished - 1, 0)

    def _at_once(self, data: bytes) -> bool:
        """Count a block, or do nothing where a quote stands inside of an unquoted field.

        Where none does, quotes are open behind every odd one: those that are escaped are two.
        """
        from airflow_provider_planet_reports.landing.content import bitmaps

        match = self._matcher.match
        ends = match("\n", data)
        if b"\r" in data:
            ends |= match("\r", data)
        if b'"' in data:
            quotes = match('"', data)
            inside = bitmaps.inside_quotes(quotes, begun=self._quoted)
            before_opening = quotes | ends | match(",", data)
            in_a_field = ~bitmaps.shift_one(before_opening, first=self._opens)
            if (quotes & inside & in_a_field).any():
                return False
            ends &= ~inside
            self._quoted = bitmaps.ends_inside(inside)
        elif self._quoted:
            return True
        of_blank_lines = bitmaps.shift_one(ends, first=not self._content)
        self._records += bitmaps.popcount(ends & ~of_blank_lines)
        self._content = self._quoted or data[-1] not in b"\r\n"
        self._opens = data[-1] in _BEFORE_OPENING
        return True

    def _by_the_letter(self, data: bytes) -> None:
        position = 0
        for found in _SPECIAL.finditer(data):
            if found.start() > position and not self._quoted:
                self._content, self._opens = True, False
            position = found.end()
            letter = found.group()
            if letter == b'"':
                self._content = True
                if self._quoted or self._opens:
                    self._quoted, self._opens = not self._quoted, True
            elif not self._quoted:
                self._opens = True
                if letter == b",":
                    self._content = True
                else:
                    self._records += self._content
                    self._content = False
        if position < len(data) and not self._quoted:
            self._content, self._opens = True, False


class GzippedCSVRows(RowCounter):
    """Counts the records of gzip-compressed CSV, without holding more than a chunk of it."""

    def __init__(self) -> None:
        self._inner = CSVRows()
        self._member = zlib.decompressobj(wbits=31)

    def update(self, data: bytes) -> None:
        """Take the next compressed bytes.

        :raises DamagedContent: if they are damaged.
        """
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")  # padding
                if not data:
                    return
                self._member = zlib.decompressobj(wbits=31)
            try:
                self._inner.update(self._member.decompress(data, _INFLATED))
            except zlib.error:
                raise DamagedContent(_BAD_GZIP.format("is damaged")) from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def rows(self) -> int:
        """Return the number of records below the header."""
        return self._inner.rows()

    def complete(self) -> None:
        """Check that the last member has ended.

        :raises DamagedContent: if the file is cut.
        """
        if not self._member.eof:
            raise DamagedContent(_BAD_GZIP.format("breaks off"))
