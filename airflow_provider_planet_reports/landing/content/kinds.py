"""Telling what a file is by its first bytes."""

from __future__ import annotations

import re

from airflow_provider_planet_reports.landing.content.rows import (
    CSVRows,
    GzippedCSVRows,
    RowCounter,
)
from airflow_provider_planet_reports.landing.errors import DamagedContent

#: As many bytes tell the kinds of files apart, also behind a byte order mark and blank lines.
SIGNATURE_SIZE = 64
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_JSON_OR_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*[\]\[{\"]|<[!?A-Za-z])")


def kind_of(beginning: bytes) -> tuple[str, RowCounter]:
    """Return the extension that a file's first bytes call for, and a counter for its rows.

    :param beginning: :data:`SIGNATURE_SIZE` bytes, or fewer where the file has no more.
    :raises DamagedContent: if they are JSON's, XML's or HTML's: an error message, and no report.
    """
    if beginning.startswith(_GZIP):
        return ".csv.gz", GzippedCSVRows()
    if beginning.startswith(_ZIP):
        return ".zip", RowCounter()
    if _JSON_OR_MARKUP.match(beginning):
        raise DamagedContent("The content link answered with JSON or markup instead of a report.")
    return ".csv", CSVRows()
