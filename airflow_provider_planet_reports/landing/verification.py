"""Comparing what is in a landing zone with what its receipts say, and removing what none names."""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import commit
from airflow_provider_planet_reports.landing.errors import DestinationError, UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import RECEIPTS, ReportKey
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.side_by_side import side_by_side
from airflow_provider_planet_reports.landing.zone import LandingZone

log = logging.getLogger(__name__)

#: How often a receipt is read again because a file that it named was not there: the report may be
#: landed anew meanwhile.
_LOOKS = 3


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    :param kind: ``missing`` (a receipt names a file that is not there), ``torn`` (a file is not
        what its receipt says), ``unreadable`` (a receipt or file that cannot be read) or ``stray``
        (a file that no receipt names).
    :param uri: the file or receipt.
    :param what: what was found, for people.
    """

    kind: Literal["missing", "torn", "unreadable", "stray"]
    uri: str
    what: str


@dataclass
class Verified:
    """What a verification has seen so far.

    :param reports: landed reports that were compared.
    :param landed: landed reports in all.
    :param files: files read.
    :param bytes: bytes read.
    :param findings: what is wrong.
    """

    reports: int = 0
    landed: int = 0
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass
class _Compared:
    """What comparing one report has found."""

    named: Collection[str] = ()
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(
    zone: LandingZone,
    *,
    max_workers: int = 4,
    on_progress: Callable[[Verified], None] = lambda _: None,
) -> Verified:
    """Read every landed file again and compare it with its receipt; find what no receipt names.

    Nothing in the landing zone is changed. Files of runs that are under way count as strays.

    :param zone: the landing zone.
    :param max_workers: reports read at a time, by default 4.
    :param on_progress: is called after every report.
    :return: what was read, and what is wrong.
    :raises DestinationError: if the destination can't be listed.
    """
    # Files first: what is landed meanwhile must not count as a stray.
    files = {entry.key for entry in zone.store.list("") if not entry.key.startswith(RECEIPTS)}
    keys = zone.find()
    verified = Verified(landed=len(keys))
    for found in side_by_side(
        zone.store, lambda key: _compare(zone, key), keys, threads=max_workers
    ):
        files.difference_update(found.named)
        verified.reports += 1
        verified.files += found.files
        verified.bytes += found.bytes
        verified.findings += found.findings
        on_progress(verified)
    verified.findings += [
        Finding("stray", zone.store.uri(key), "no receipt names it") for key in sorted(files)
    ]
    return verified


def remove_strays(zone: LandingZone, key: ReportKey) -> int:
    """Delete the files in a landed report's folder that its receipt does not name.

    By the commit protocol, so that it is safe while the report is landed again: the same receipt is
    put once more, which every landing under way loses to.

    :return: how many files were deleted; 0 where another landing was faster, or none is landed.
    :raises UnreadableReceipt: if the receipt cannot be read.
    :raises DestinationError: if the destination fails.
    """
    base = commit.read_receipt(zone.store, key)
    if base is None:
        return 0
    receipt = Receipt.from_json(base.data, key, zone.uri_of_receipt(key))
    named = {file.name for file in receipt.files}
    strays = {entry.key for entry in zone.store.list(key.folder)} - named
    if not strays or not zone.store.keeps_conditions():
        return 0
    try:
        commit.commit(zone.store, key, receipt, base, exact=True)
    except commit.Lost:
        return 0
    return commit.delete_files(zone.store, strays)


def remove_all_strays(zone: LandingZone) -> int:
    """Remove the strays of all landed reports; those without a receipt are left alone.

    They may be of a report that is being landed. Its next landing deletes what is left of others.

    :return: how many files were deleted.
    :raises DestinationError: if the destination fails.
    """
    removed = 0
    for key in zone.find():
        try:
            removed += remove_strays(zone, key)
        except UnreadableReceipt as error:
            log.warning("%s", error)
    return removed


def to_forget(
    zone: LandingZone, report_ids: Collection[str], before: str | None
) -> list[ReportKey]:
    """Return the landed reports to forget, oldest data first.

    :param report_ids: ids; by default any.
    :param before: only data of days before this one, ``YYYY-MM-DD``; by default of any.
    :raises InvalidInput: if it is no day.
    :raises DestinationError: if the destination fails.
    """
    last = None
    if before is not None:
        try:
            last = (dt.date.fromisoformat(before) - dt.timedelta(days=1)).isoformat()
        except ValueError:
            raise InvalidInput(f"before={before!r} is not a day: write it as YYYY-MM-DD.") from None
    return [key for key in zone.find(end=last) if not report_ids or key.report_id in report_ids]


def forget(zone: LandingZone, key: ReportKey) -> None:
    """Delete a report: its receipt, then its files. Not while a run lands it.

    :raises DestinationError: if the destination fails; the report is not landed any more as soon
        as its receipt is deleted.
    """
    files = [entry.key for entry in zone.store.list(key.folder)]
    zone.store.delete(key.receipt)
    for file in files:
        zone.store.delete(file)


def _compare(zone: LandingZone, key: ReportKey) -> _Compared:
    """Compare a report's files with its receipt; where one is missing, with the receipt's next."""
    for _ in range(_LOOKS):
        found = _Compared()
        try:
            receipt = zone.receipt(key)
        except (UnreadableReceipt, DestinationError) as error:
            found.findings.append(Finding("unreadable", zone.uri_of_receipt(key), str(error)))
            # Which of its files are named is not known, so none counts as a stray.
            found.named = {entry.key for entry in zone.store.list(key.folder)}
            return found
        if receipt is None:  # it was forgotten meanwhile
            return found
        found.named = {file.name for file in receipt.files}
        for file in receipt.files:
            _compare_file(zone, file, found)
        if not any(finding.kind == "missing" for finding in found.findings):
            break
    return found


def _compare_file(zone: LandingZone, file: LandedFile, found: _Compared) -> None:
    uri, size, digest = zone.store.uri(file.name), 0, hashlib.sha256()
    found.files += 1
    try:
        for data in zone.store.stream(file.name):
            size += len(data)
            digest.update(data)
    except FileNotFoundError:
        finding = Finding("missing", uri, "its receipt is there, but it is not")
    except DestinationError as error:
        finding = Finding("unreadable", uri, str(error))
    else:
        if size != file.bytes:
            finding = Finding("torn", uri, f"{size} bytes instead of {file.bytes}")
        elif digest.hexdigest() != file.sha256:
            finding = Finding("torn", uri, "other bytes than were landed")
        else:
            found.bytes += size
            return
    found.bytes += size
    found.findings.append(finding)
