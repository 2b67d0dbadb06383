"""Counting the rows of CSV while it streams by."""

from __future__ import annotations

import re
import zlib

from airflow_provider_planet_reports.landing.content import bitmaps
from airflow_provider_planet_reports.landing.errors import DamagedContent

_BOM = b"\xef\xbb\xbf"
_QUOTED_OR_NOT = re.compile(rb'("[^"]*"?)|[^,\r\n"][^,\r\n]*')
#: By the last byte of a text, a short text after which CSV goes on in the same way.
_SAME_ENDS = {ord("\n"): b"", ord("\r"): b"", ord(","): b",", ord('"'): b'""'}
#: Memory for so much at a time is used again and again; for more, the system gives it anew.
_BLOCK = 2**18
_INFLATED = 2**20
_BAD_GZIP = "The file is gzip that {}: Planet has to issue it again."


class RowCounter:
    """Counts the rows of a file that it sees chunk by chunk. This one cannot: it is for zip."""

    def update(self, data: bytes) -> None:
        """Take the next bytes.

        :raises DamagedContent: if its format tells that they are damaged.
        """

    def rows(self) -> int | None:
        """Return the number of rows below the header, or None where it can't be known.

        :raises DamagedContent: if the file is not whole, as far as its format tells.
        """
        return None


class CSVRows(RowCounter):
    """Counts records as Python's ``csv`` module reads them; blank lines are no records.

    A quote opens a quoted field only at the field's beginning; line ends inside of quotes
    belong to the field. Chunks may be cut anywhere.
    """

    def __init__(self) -> None:
        self._begun = False
        self._records = 0
        #: A short text that what has been seen is the same as, for what follows.
        self._before = b""

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        if not self._begun:
            data, self._before = self._before + data, b""
            if len(data) < len(_BOM):
                self._before = data
                return
            data, self._begun = data.removeprefix(_BOM), True
        for begin in range(0, len(data), _BLOCK):
            self._count(bitmaps.padded(self._before, data[begin : begin + _BLOCK]))

    def rows(self) -> int:
        """Return the number of records below the header."""
        return max(self._records + bool(self._before) - 1, 0)

    def _count(self, text: bytes) -> None:
        """Count the records of a padded text."""
        ends = bitmaps.match("\n", text)
        if b"\r" in text:
            ends |= bitmaps.match("\r", text)
        quoted = False
        if b'"' in text:
            # Quotes are open behind every odd one: those that are escaped are two.
            quotes = bitmaps.match('"', text)
            inside = bitmaps.inside_quotes(quotes)
            opens = bitmaps.shift_one(quotes | ends | bitmaps.match(",", text))
            if (quotes & inside & ~opens).any():  # only if none is within an unquoted field
                text = _QUOTED_OR_NOT.sub(lambda found: found[1] or b"x", text)
                self._count(bitmaps.padded(b"", text))
                return
            ends &= ~inside
            quoted = bitmaps.ends_inside(inside)
        # The line ends in front count for one record.
        self._records += bitmaps.popcount(ends & ~bitmaps.shift_one(ends)) - 1
        self._before = going_on(text, quoted=quoted)


class GzippedCSVRows(CSVRows):
    """Counts the records of gzip-compressed CSV, without holding more than a chunk of it."""

    def __init__(self) -> None:
        super().__init__()
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
                super().update(self._member.decompress(data, _INFLATED))
            except zlib.error:
                raise DamagedContent(_BAD_GZIP.format("is damaged")) from None
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def rows(self) -> int:
        """Return the number of records below the header.

        :raises DamagedContent: if the file is cut.
        """
        if not self._member.eof:
            raise DamagedContent(_BAD_GZIP.format("breaks off"))
        return super().rows()


def going_on(text: bytes, *, quoted: bool) -> bytes:
    """Return a text of at most two bytes after which CSV goes on as after a longer one.

    :param text: the longer one.
    :param quoted: whether it ends inside quotes.
    """
    return b'"' if quoted else _SAME_ENDS.get(text[-1], b"x")
