"""Receipts: what says that a report is landed, and what was landed."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.errors import DestinationError

_FORMAT = 1
#: What names a task instance, over all of its tries.
_IDENTITY = ("dag_id", "run_id", "task_id", "map_index")


@dataclass(frozen=True)
class LandedFile:
    """A file of a landed report.

    :param name: key relative to the destination.
    :param bytes: size.
    :param sha256: digest, in hexadecimal digits.
    :param rows: rows below the header; None where they can't be counted (zip).
    """

    name: str
    bytes: int
    sha256: str
    rows: int | None


@dataclass(frozen=True)
class Receipt:
    """What was landed of a report, when, by whom.

    :param report: the API's object, without any secret that its links may carry.
    :param files: the files, in the order of the parts.
    :param landed_at: time in UTC, ISO 8601.
    :param landed_by: the task instance (``dag_id``, ``run_id``, ``task_id``, ``map_index``,
        ``try_number``), empty outside of Airflow.
    :param provider_version: version of this package.
    """

    report: Mapping[str, Any]
    files: tuple[LandedFile, ...]
    landed_at: str
    landed_by: Mapping[str, Any]
    provider_version: str

    @classmethod
    def issue(
        cls, report: Report, files: tuple[LandedFile, ...], landed_by: Mapping[str, Any]
    ) -> Receipt:
        """Write out a receipt for what was landed just now."""
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
        return cls(report.redacted_dict(), files, now, landed_by, __version__)

    @property
    def report_id(self) -> str:
        """The report's id."""
        return str(self.report["report_id"])

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON-safe object."""
        return {"format": _FORMAT, **vars(self), "files": [vars(file) for file in self.files]}

    def to_json(self) -> bytes:
        """Return the receipt as it is stored."""
        return json.dumps(self.to_dict()).encode()

    @classmethod
    def from_dict(cls, source: Any, where: str) -> Receipt:
        """Read a receipt.

        :param source: what :meth:`to_dict` returned.
        :param where: the receipt's address, for the message.
        :return: the receipt.
        :raises DestinationError: if it is no receipt.
        """
        try:
            if source["format"] > _FORMAT:
                raise DestinationError(
                    f"{where} was written by a later version of airflow-provider-planet-reports, "
                    f"{source['provider_version']}: upgrade this one, {__version__}."
                )
            return cls(
                report={**source["report"], "report_id": source["report"]["report_id"]},
                files=tuple(LandedFile(**file) for file in source["files"]),
                landed_at=source["landed_at"],
                landed_by={**source["landed_by"]},
                provider_version=source["provider_version"],
            )
        except (TypeError, KeyError, ValueError) as error:
            raise DestinationError(
                f"{where} is not a receipt that this version can read "
                f"({type(error).__name__}: {error}). If it is damaged, delete it: the report is "
                "landed again by the next run."
            ) from None

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Receipt:
        """Read a stored receipt.

        :param data: what :meth:`to_json` returned.
        :param where: the receipt's address, for the message.
        :return: the receipt.
        :raises DestinationError: if it is no receipt.
        """
        try:
            source = json.loads(data)
        except (ValueError, RecursionError):
            source = None
        return cls.from_dict(source, where)

    def is_from_earlier_try(self, of: Mapping[str, Any]) -> bool:
        """Whether an earlier try of a task instance landed this report.

        :param of: the task instance now running, as in ``landed_by``.
        """
        same = all(self.landed_by.get(name) == of.get(name) for name in _IDENTITY)
        return bool(of) and same and self.landed_by.get("try_number", 0) < of.get("try_number", 0)
