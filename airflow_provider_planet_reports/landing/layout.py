"""Where things are in a landing zone. Keys are relative to the destination.

Data is in Hive partitions, which DuckDB, Spark, Athena and BigQuery read as columns. Receipts are
in the same folders below ``_receipts/``, so a report's identity is its place: what differs in type,
cadence, plan, day or id is another report.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
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
#: A key adds to a report's path its receipt's folder and ending, or the name of a file.
_LONGEST_PATH = LONGEST_KEY - len("/part-0000000000-0123456789abcdef.csv.gz")
#: What Hive, and with it every reader of Hive partitions, takes for NULL.
_NULL = "__HIVE_DEFAULT_PARTITION__"
_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]|^[._]|\.$")
_SURROGATES = "surrogatepass"
_TIME_OF_DAY = re.compile(r"(?<=^\d{4}-\d\d-\d\d)[T ].*", re.DOTALL)
_PARTITIONS = ("report_type", "cadence", "plan_id", "data_date")


class ReportKey(NamedTuple):
    """A report's identity in a landing zone. A value is None where the API gives none.

    :param report_type: ``detailed`` or ``summary``.
    :param cadence: ``daily`` or ``monthly``.
    :param plan_id: plan.
    :param data_date: first day of its data, ``YYYY-MM-DD``.
    :param report_id: id; another report of another plan may have the same.
    """

    report_type: str | None
    cadence: str | None
    plan_id: str | None
    data_date: str | None
    report_id: str

    @classmethod
    def of(cls, report: Report) -> ReportKey:
        """Return a report's key. A date with a time in it counts as its day."""
        values = (report.report_type, report.cadence, report.plan_id, report.data_date_start)
        report_type, cadence, plan_id, date = map(_text, values)
        date = date and _TIME_OF_DAY.sub("", date)
        return cls(report_type, cadence, plan_id, date, report.report_id)

    @classmethod
    def of_receipt(cls, key: str) -> ReportKey | None:
        """Return whose receipt a key is, or None if it is no receipt's."""
        path = key.removeprefix(RECEIPTS)
        if path == key or not path.endswith(_RECEIPT_ENDING):
            return None
        return cls._of_path(path.removesuffix(_RECEIPT_ENDING))

    @classmethod
    def of_file(cls, key: str) -> ReportKey | None:
        """Return whose file a key is, or None if it is not in the folder of a report."""
        return cls._of_path(key.rpartition("/")[0])

    @classmethod
    def _of_path(cls, path: str) -> ReportKey | None:
        *folders, name = path.split("/")
        try:
            report_type, cadence, plan_id, date = map(value_of, folders)
            found = cls(report_type, cadence, plan_id, date, unquote(name, errors=_SURROGATES))
            return found if found._path() == path else None
        except (ValueError, InvalidInput):  # another number of folders, or bytes that are no text
            return None

    @property
    def series(self) -> str:
        """The folder of all reports of its type, cadence and plan, ending in a slash."""
        return "".join(f"{folder}/" for folder in map(_partition, _PARTITIONS[:-1], self))

    @property
    def day(self) -> str:
        """The folder of its day within its series."""
        return _partition(_PARTITIONS[-1], self.data_date)

    @property
    def folder(self) -> str:
        """The folder of its files, ending in a slash.

        :raises InvalidInput: if it has no id, or names that no store could hold.
        """
        return f"{self._path()}/"

    @property
    def receipt(self) -> str:
        """The key of its receipt.

        :raises InvalidInput: if it has no id, or names that no store could hold.
        """
        return f"{RECEIPTS}{self._path()}{_RECEIPT_ENDING}"

    def age(self) -> tuple[str, ...]:
        """Return what sorts reports by their data, oldest first, without a date last."""
        return (self.data_date or "~", *(value or "" for value in self))

    def _path(self) -> str:
        path = f"{self.series}{self.day}/{_segment(self.report_id)}"
        longest = max(path.split("/"), key=len)
        too_long = len(path) > _LONGEST_PATH or len(longest) > _LONGEST_SEGMENT
        if too_long or not self.report_id:
            raise InvalidInput(
                f"Report {self.report_id[:40]!r} cannot be landed: its id is empty, or its names "
                f"are too long. At most {_LONGEST_SEGMENT} characters are allowed in a name, and "
                f"{_LONGEST_PATH} in all; the longest name begins {longest[:40]!r}."
            )
        return path


def _partition(name: str, value: str | None) -> str:
    return f"{name}={_NULL if value is None else _segment(value)}"


def _segment(name: str) -> str:
    """Return a name as one safe path segment.

    Letters, digits, ``-``, ``_`` and ``.`` stand for themselves, everything else is
    percent-encoded, as Hive does it; so are a leading ``_`` or ``.`` (they would hide it) and
    a trailing ``.`` (Azure does not allow it).
    """
    raw = name.encode("utf-8", _SURROGATES)
    return _UNSAFE.sub(lambda found: b"%%%02X" % found.group()[0], raw).decode("ascii")


def value_of(folder: str) -> str | None:
    """Return the value in the name of a partition's folder, None where that is NULL.

    :param folder: a key whose last part is ``name=value``, with or without a slash behind it.
    """
    safe = folder.rstrip("/").rpartition("/")[2].partition("=")[2]
    return None if safe == _NULL else unquote(safe, errors=_SURROGATES)


def _text(value: object) -> str | None:
    return None if value in (None, "") else str(value)
