"""Receipts: each says that a report is landed, and names its files."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey

_FORMAT = 1
#: What names a task instance, over all of its tries.
_IDENTITY = ("dag_id", "run_id", "task_id", "map_index")


@dataclass(frozen=True)
class LandedFile:
    """A file of a landed report.

    :param name: key relative to the destination, in the report's own folder.
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

    :param key: the report's identity: it is where the receipt is, and not stored in it.
    :param landing: id of the landing; the names of its files hold it.
    :param report: the API's object, with the secrets of its links removed.
    :param files: the files, in the order of the parts.
    :param landed_at: time in UTC, ISO 8601.
    :param first_landed_at: when the report was landed for the first time; earlier than
        ``landed_at`` once it was landed again.
    :param landed_by: the task instance (``dag_id``, ``run_id``, ``task_id``, ``map_index``,
        ``try_number``), empty outside of Airflow; by command, only a random ``run_id``.
    :param first_landed_by: the one that landed the report for the first time; empty where that is
        not known.
    :param provider_version: version of this package.
    :param written: random, new whenever the receipt is written: equal objects would have equal
        entity tags, and conditional requests could not tell them apart.
    """

    key: ReportKey
    landing: str
    report: Mapping[str, Any]
    files: tuple[LandedFile, ...]
    landed_at: str
    first_landed_at: str
    landed_by: Mapping[str, Any]
    first_landed_by: Mapping[str, Any] = field(default_factory=dict)
    provider_version: str = __version__
    written: str = ""

    @property
    def report_id(self) -> str:
        """The report's id."""
        return self.key.report_id

    def to_json(self) -> bytes:
        """Return the receipt as it is stored, different each time; see ``written``."""
        stored = {name: value for name, value in vars(self).items() if name != "key"}
        stored |= {"files": [vars(file) for file in self.files], "written": secrets.token_hex(8)}
        return json.dumps({"format": _FORMAT, **stored}).encode()

    @classmethod
    def from_json(cls, data: bytes, key: ReportKey, where: str) -> Receipt:
        """Read a stored receipt.

        :param data: what :meth:`to_json` returned.
        :param key: the report's identity, from where the receipt is.
        :param where: the receipt's address, for the message.
        :return: the receipt.
        :raises UnreadableReceipt: if it is none, or names a file outside of the report's folder.
        """
        try:
            source = json.loads(data)
            if source.pop("format") > _FORMAT:
                raise UnreadableReceipt(
                    f"Upgrade airflow-provider-planet-reports {__version__}: {where} was written "
                    f"by {source['provider_version']}, which is later."
                )
            files = tuple(LandedFile(**file) for file in source.pop("files"))
            receipt = cls(key=key, files=files, **source)
            if not all(_is_in_folder(file.name, key.folder) for file in files):
                raise ValueError("it names a file outside of the report's folder")
            if str(receipt.report["report_id"]) != key.report_id:
                raise ValueError("it is another report's")
        except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
            raise UnreadableReceipt(
                f"Receipt damaged: land report {key.report_id!r} again with overwrite=True. "
                f"{where} cannot be read ({type(error).__name__}: {error})."
            ) from None
        return receipt

    def is_from_earlier_try(self, of: Mapping[str, Any]) -> bool:
        """Whether an earlier try of a task instance landed this report.

        :param of: the task instance now running, as in ``landed_by``.
        """
        same = all(self.landed_by.get(name) == of.get(name) for name in _IDENTITY)
        return bool(of) and same and self.landed_by.get("try_number", 0) < of.get("try_number", 0)


def _is_in_folder(name: str, folder: str) -> bool:
    file = name.removeprefix(folder)
    return file != name and "/" not in file and file not in ("", ".", "..")
