"""Comparing what is in a landing zone with what its receipts say, and removing what none names."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from airflow_provider_planet_reports.landing import commit
from airflow_provider_planet_reports.landing.errors import DestinationError, UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import RECEIPTS, ReportKey
from airflow_provider_planet_reports.landing.receipt import LandedFile
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

    :param landed: landed reports in all.
    :param reports: those that were compared so far.
    :param files: files read.
    :param bytes: bytes read.
    :param findings: what is wrong.
    """

    landed: int
    reports: int = 0
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(
    zone: LandingZone,
    *,
    max_workers: int = 16,
    on_progress: Callable[[Verified], None] = lambda _: None,
) -> Verified:
    """Read every landed file again and compare it with its receipt; find what no receipt names.

    Nothing in the landing zone is changed. Files of runs that are under way count as strays.

    :param zone: the landing zone.
    :param max_workers: reports read at a time, by default 16.
    :param on_progress: is called after every report.
    :return: what was read, and what is wrong.
    :raises DestinationError: if the destination can't be listed.
    """
    # Files first: what is landed meanwhile must not count as a stray.
    unnamed = {entry.key for entry in zone.store.list("") if not entry.key.startswith(RECEIPTS)}
    keys = zone.find()
    verified = Verified(len(keys))
    compared = side_by_side(zone.store, partial(_compare, zone), keys, threads=max_workers)
    for named, sizes, findings in compared:
        unnamed.difference_update(named)
        verified.reports += 1
        verified.files += len(sizes)
        verified.bytes += sum(sizes)
        verified.findings += findings
        on_progress(verified)
    verified.findings += [
        Finding("stray", zone.store.uri(key), "no receipt names it") for key in sorted(unnamed)
    ]
    return verified


def remove_strays(zone: LandingZone, key: ReportKey) -> int:
    """Delete the files in a landed report's folder that its receipt does not name.

    By the commit protocol, so that it is safe while the report is landed again: the same receipt is
    put once more, which every landing under way loses to. What fails is logged, and left to the
    next time. Strays without a receipt are left alone, since their report may just be landed.

    :return: how many files were deleted.
    """
    try:
        base = commit.read_receipt(zone.store, key)
        if base is None:
            return 0
        receipt = base.checked()
        strays = {entry.key for entry in zone.store.list(key.folder)}
        strays -= {file.name for file in receipt.files}
        if not strays or not zone.store.keeps_conditions():
            return 0
        zone.store.put(key.receipt, receipt.to_json(), replaces=base.revision)
    except (UnreadableReceipt, DestinationError) as error:
        log.warning("Strays are left: %s", error)
        return 0
    return commit.delete_files(zone.store, strays)


def stored_reports(zone: LandingZone) -> list[ReportKey]:
    """Return all reports that anything is stored of, oldest data first.

    Those that are landed, and those that only left files behind, of which no receipt tells.

    :raises DestinationError: if the destination can't be listed.
    """
    keys = (entry.key for entry in zone.store.list(""))
    found = {ReportKey.of_receipt(key) or ReportKey.of_file(key) for key in keys}
    return sorted(filter(None, found), key=ReportKey.age)


def forget(zone: LandingZone, key: ReportKey) -> None:
    """Delete a report: its receipt, if it is landed, then its files. Not while a run lands it.

    :raises DestinationError: if the destination fails; the report is not landed any more as soon
        as its receipt is deleted.
    """
    files = [entry.key for entry in zone.store.list(key.folder)]
    zone.store.delete(key.receipt)
    for file in files:
        zone.store.delete(file)


def _compare(
    zone: LandingZone, key: ReportKey, looks: int = _LOOKS
) -> tuple[Collection[str], list[int], list[Finding]]:
    """Compare a report's files with its receipt; where one is missing, with the receipt's next.

    :return: the files that it names, the sizes that were read, and what is wrong.
    """
    try:
        receipt = zone.receipt(key)
    except (UnreadableReceipt, DestinationError) as error:
        # Which of its files are named is not known, so none counts as a stray.
        named = {entry.key for entry in zone.store.list(key.folder)}
        return named, [], [Finding("unreadable", zone.store.uri(key.receipt), str(error))]
    if receipt is None:  # it was forgotten meanwhile
        return (), [], []
    compared = [_compare_file(zone, file) for file in receipt.files]
    findings = [finding for _, finding in compared if finding]
    if looks > 1 and any(finding.kind == "missing" for finding in findings):
        return _compare(zone, key, looks - 1)
    return {file.name for file in receipt.files}, [size for size, _ in compared], findings


def _compare_file(zone: LandingZone, file: LandedFile) -> tuple[int, Finding | None]:
    """Return how much of a file was read, and what is wrong with it."""
    uri, size, digest = zone.store.uri(file.name), 0, hashlib.sha256()
    try:
        for data in zone.store.stream(file.name):
            size += len(data)
            digest.update(data)
    except FileNotFoundError:
        return size, Finding("missing", uri, "its receipt is there, but it is not")
    except DestinationError as error:
        return size, Finding("unreadable", uri, str(error))
    if (size, digest.hexdigest()) == (file.bytes, file.sha256):
        return size, None
    return size, Finding("torn", uri, f"{size} bytes that are not the {file.bytes} landed")
