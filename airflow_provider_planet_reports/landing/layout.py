"""Where things are in a landing zone. Keys are relative to the destination.

Data lies in Hive partitions, which DuckDB, Spark, Athena and BigQuery read as columns.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from airflow_provider_planet_reports.errors import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_planet_reports.client.report import Report

RECEIPTS = "_receipts/"
_RECEIPT_ENDING = ".json"
#: File systems allow 255 bytes a name, and a receipt's name ends in ".json".
_LONGEST_SEGMENT = 255 - len(_RECEIPT_ENDING)
#: Object stores allow 1,024 bytes a key: these for ours, the rest for the destination's prefix.
LONGEST_KEY = 768
LONGEST_PREFIX = 1024 - LONGEST_KEY - len("/")
#: What is kept of a key for the names of files in a report's folder.
_LONGEST_NAME = len("part-0000000000.csv.gz")
#: What Hive, and with it every reader of Hive partitions, takes for NULL.
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]|^[._]|\.$")


def segment(name: str, *, prefix: str = "") -> str:
    """Return a name as one safe path segment, from which :func:`name_of` gives it back.

    Letters, digits, ``-``, ``_`` and ``.`` stand for themselves, everything else is
    percent-encoded, as Hive does it; so are a leading ``_`` or ``.`` (they would hide it) and
    a trailing ``.`` (Azure does not allow it).

    :param name: for example a report's id.
    :param prefix: what goes before it; safe as it is.
    :raises InvalidInput: if it is empty, or longer than a file's name may be.
    """
    if not name:
        raise InvalidInput("An empty report id cannot be landed: there is no name for its files.")
    raw = name.encode("utf-8", "surrogatepass")
    safe = prefix + _UNSAFE.sub(lambda found: b"%%%02X" % found.group()[0], raw).decode("ascii")
    if len(safe) > _LONGEST_SEGMENT:
        raise InvalidInput(
            f"The name {(prefix + name)[:40]!r}… is too long to land: {len(safe)} characters as a "
            f"file's name, where {_LONGEST_SEGMENT} are allowed."
        )
    return safe


def name_of(safe: str) -> str:
    """Return the name that :func:`segment` made safe."""
    return unquote(safe, errors="surrogatepass")


def data_folder(report: Report) -> str:
    """Return the folder of a report's files, ending in a slash.

    :raises InvalidInput: if it has no id, or names that no store could hold.
    """
    partitions = {
        "report_type": report.report_type,
        "cadence": report.cadence,
        "plan_id": report.plan_id,
        "data_date": report.data_date_start,
    }
    segments = [
        f"{name}={_NULL_PARTITION}"
        if value in (None, "")
        else segment(str(value), prefix=f"{name}=")
        for name, value in partitions.items()
    ]
    segments.append(segment(report.report_id))
    folder = "".join(f"{each}/" for each in segments)
    if len(folder) + _LONGEST_NAME > LONGEST_KEY:
        longest = max(segments, key=len)
        raise InvalidInput(
            f"Report {report.report_id[:40]!r} can't be landed: the names of its folders have "
            f"{len(folder)} characters, where {LONGEST_KEY - _LONGEST_NAME} are allowed; the "
            f"longest is {longest[:40]!r}… ({len(longest)})."
        )
    return folder


def part_name(number: int, extension: str) -> str:
    """Return the name of a part's file.

    :param number: 1 for the first.
    :param extension: with its dot.
    """
    return f"part-{number:05d}{extension}"


def receipt_key(report_id: str) -> str:
    """Return the key of a report's receipt."""
    return f"{RECEIPTS}{segment(report_id)}{_RECEIPT_ENDING}"


def receipt_id(key: str) -> str | None:
    """Return whose receipt a key is, or None if it is none."""
    name = key.removeprefix(RECEIPTS)
    if key == name or "/" in name or name[:1] in "._" or not name.endswith(_RECEIPT_ENDING):
        return None
    try:
        report_id = name_of(name.removesuffix(_RECEIPT_ENDING))
        return report_id if receipt_key(report_id) == key else None
    except (UnicodeError, InvalidInput):
        return None
