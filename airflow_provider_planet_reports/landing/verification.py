"""Comparing what is in a landing zone with what its receipts say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.zone import LandingZone


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be.

    :param kind: ``missing`` (a receipt names it, but it is not there), ``torn`` (it is not what
        the receipt says), ``unreadable`` (a receipt, or a file that can't be read) or
        ``unknown`` (no receipt names it).
    :param uri: the file or receipt.
    :param what: what was found, for people.
    """

    kind: Literal["missing", "torn", "unreadable", "unknown"]
    uri: str
    what: str


@dataclass
class Verified:
    """What a verification has seen so far.

    :param reports: landed reports.
    :param named: the files that their receipts name.
    :param files: files read so far.
    :param bytes: bytes read so far.
    :param findings: what is wrong.
    """

    reports: int = 0
    named: int = 0
    files: int = 0
    bytes: int = 0
    findings: list[Finding] = field(default_factory=list)


def verify(
    zone: LandingZone,
    *,
    max_workers: int = 4,
    on_progress: Callable[[Verified], None] = lambda _: None,
) -> Verified:
    """Read every landed file again and compare it with its receipt; find what none names.

    :param zone: the landing zone; nothing in it is changed.
    :param max_workers: files read at a time, by default 4.
    :param on_progress: is told after every file.
    :return: what was read, and what is wrong.
    :raises DestinationError: if the destination can't be listed.
    """
    verified = Verified()
    receipts = list(_receipts(zone, verified.findings))
    verified.reports = len(receipts)
    named = {file.name: file for receipt in receipts for file in receipt.files}
    verified.named = len(named)
    with ThreadPoolExecutor(max_workers) as readers:
        for size, found in readers.map(lambda file: _compared(zone, file), named.values()):
            verified.files += 1
            verified.bytes += size
            verified.findings += found
            on_progress(verified)
    verified.findings += [
        Finding("unknown", zone.store.uri(key), "no receipt names it")
        for key in zone.files()
        if key not in named
    ]
    return verified


def _receipts(zone: LandingZone, findings: list[Finding]) -> Iterator[Receipt]:
    for report_id in sorted(zone.landed()):
        try:
            yield zone.receipt(report_id)
        except DestinationError as error:
            findings.append(Finding("unreadable", zone.uri_of_receipt(report_id), str(error)))


def _compared(zone: LandingZone, file: LandedFile) -> tuple[int, list[Finding]]:
    """Return how much of a file was read, and what is wrong with it."""
    uri, size, digest = zone.store.uri(file.name), 0, hashlib.sha256()
    try:
        for data in zone.store.stream(file.name):
            size += len(data)
            digest.update(data)
    except FileNotFoundError:
        return size, [Finding("missing", uri, "its receipt is there, but it is not")]
    except Exception as error:  # every store has its own
        return size, [Finding("unreadable", uri, type(error).__name__)]
    if size != file.bytes:
        return size, [Finding("torn", uri, f"{size} bytes instead of {file.bytes}")]
    if digest.hexdigest() != file.sha256:
        return size, [Finding("torn", uri, "other bytes than were landed")]
    return size, []
