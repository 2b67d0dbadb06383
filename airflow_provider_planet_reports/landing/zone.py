"""A landing zone: what is landed in a destination, and how more is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_planet_reports.client.errors import DestinationError
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import layout
from airflow_provider_planet_reports.landing.index import ReceiptIndex
from airflow_provider_planet_reports.landing.part import PartFile, failed
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.store import Store, put

log = logging.getLogger(__name__)

#: Receipts are small: with many at a time, reading them takes as long as a few round trips.
_READERS = 16
#: With fewer receipts to read one by one than this, an index would cost more than it saves.
_WORTH_AN_INDEX = 100
#: Whole parts of one report that wait for the rest; each may hold a block of 8 MiB.
_PARTS_WAITING = 16


class LandingZone:
    """A destination with its data and receipts.

    A report is landed when, and only when, its receipt is there.

    :param store: the destination.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._stamps: dict[str, str] = {}

    def landed(self) -> frozenset[str]:
        """Return the ids of all landed reports, from one listing of the receipts.

        :raises DestinationError: if the destination can't be read.
        """
        where = self.store.uri(layout.RECEIPTS)
        try:
            entries = list(self.store.list(layout.RECEIPTS))
        except Exception as error:
            raise failed(where, "listed", error) from None
        found = ((layout.receipt_id(entry.key), entry.stamp) for entry in entries)
        self._stamps = {report_id: stamp for report_id, stamp in found if report_id is not None}
        return frozenset(self._stamps)

    def receipts(self, report_ids: Iterable[str]) -> dict[str, Receipt]:
        """Return the receipts of landed reports by id.

        Many of them come out of the index, which is one object, and which is brought up to
        date when too many were missing from it.

        :param report_ids: of reports that :meth:`landed` has returned.
        :raises DestinationError: if one can't be read.
        """
        wanted = list(report_ids)
        index = ReceiptIndex(self.store)
        known = index.load(self._stamps) if len(wanted) >= _WORTH_AN_INDEX else {}
        found = {report_id: known[report_id] for report_id in wanted if report_id in known}
        missing = [report_id for report_id in wanted if report_id not in known]
        with ThreadPoolExecutor(_READERS) as readers:
            found.update(zip(missing, readers.map(self._read, missing), strict=True))
        if len(missing) >= _WORTH_AN_INDEX:
            index.save({**known, **found}, self._stamps)
        return found

    def remember(self, receipts: Mapping[str, Receipt]) -> None:
        """Put receipts just issued into the index, where there are enough to be worth it."""
        if len(receipts) < _WORTH_AN_INDEX:
            return
        try:
            self.landed()
        except DestinationError as error:  # the receipts are there: this only spares reading them
            log.warning("%s", error)
            return
        index = ReceiptIndex(self.store)
        index.save({**index.load(self._stamps), **receipts}, self._stamps)

    def land(self, report: Report) -> ReportLanding:
        """Begin to land a report.

        :param report: one that :meth:`landed` did not return, or one to land over again.
        :raises InvalidInput: if its id can't be the name of a file.
        """
        return ReportLanding(self.store, report, replaces=report.report_id in self._stamps)

    def uri_of_receipt(self, report_id: str) -> str:
        """Return the address of a report's receipt."""
        return self.store.uri(layout.receipt_key(report_id))

    def _read(self, report_id: str) -> Receipt:
        key = layout.receipt_key(report_id)
        where = self.store.uri(key)
        try:
            data = self.store.read(key)
        except Exception as error:
            raise failed(where, "read", error) from None
        return Receipt.from_json(data, where)


class ReportLanding:
    """A report on its way: its parts become visible together, its receipt last.

    :param store: the destination.
    :param report: the report.
    :param replaces: whether it is landed already, and is to be landed over again.
    """

    def __init__(self, store: Store, report: Report, *, replaces: bool) -> None:
        self._store = store
        self._report = report
        self._replaces = replaces
        self._folder = layout.data_folder(report)
        self._receipt = layout.receipt_key(report.report_id)
        self._parts: dict[int, PartFile] = {}
        self._waiting: list[int] = []
        self._visible: dict[int, LandedFile] = {}
        self._replaced: set[str] = set()
        self._lock = threading.Lock()

    def part(self, number: int) -> PartFile:
        """Begin a part.

        :param number: 1 for the first.
        """
        return self._parts.setdefault(number, PartFile(self._store, self._folder, number))

    def complete(self, number: int) -> None:
        """Take note that all bytes of a part are written.

        Parts wait for one another. Only where a report has very many do those that wait become
        visible before the rest is there, since each of them takes memory.

        :param number: 1 for the first.
        :raises DestinationError: if the store fails.
        """
        with self._lock:
            self._waiting.append(number)
            if len(self._waiting) < _PARTS_WAITING:
                return
            bunch, self._waiting = self._waiting, []
            self._commit(bunch)

    @property
    def rows(self) -> int | None:
        """Rows over all parts so far; None where they can't be counted."""
        counts = [part.rows for part in self._parts.values()]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def finish(self, landed_by: Mapping[str, Any]) -> Receipt:
        """Make all parts visible, remove what is not of this report's, issue the receipt.

        :param landed_by: the task instance.
        :raises DestinationError: if the store fails; then there is no receipt.
        """
        self._commit(number for number in sorted(self._parts) if number not in self._visible)
        files = tuple(self._visible[number] for number in sorted(self._visible))
        self._remove_strays({file.name for file in files})
        receipt = Receipt.issue(self._report, files, landed_by)
        # Should writing the receipt fail, it may be there all the same: its files have to stay.
        self._visible.clear()
        self._write_receipt(receipt)
        return receipt

    def abandon(self) -> None:
        """Leave nothing behind of a report that is not finished."""
        for part in self._parts.values():
            part.abandon()
        for file in self._visible.values():
            try:
                self._delete(file.name)
            except DestinationError as error:  # it is whole, and without a receipt it is nothing
                log.warning("%s", error)
        self._visible.clear()

    def _commit(self, numbers: Iterable[int]) -> None:
        if self._replaces:  # from here on the old receipt would not be true
            self._replaced = self._files_of_receipt()
            self._delete(self._receipt)
            self._replaces = False
        for number in numbers:
            self._visible[number] = self._parts[number].commit()

    def _files_of_receipt(self) -> set[str]:
        """Return the files of the landing that this one replaces; they may lie elsewhere."""
        where = self._store.uri(self._receipt)
        try:
            data = self._store.read(self._receipt)
        except FileNotFoundError:
            return set()
        except Exception as error:
            raise failed(where, "read", error) from None
        try:
            old = Receipt.from_json(data, where)
        except DestinationError:  # that may be why it is replaced
            return set()
        own = self._folder.split("/")[-2]
        return {file.name for file in old.files if file.name.split("/")[-2:-1] == [own]}

    def _write_receipt(self, receipt: Receipt) -> None:
        try:
            put(self._store, self._receipt, receipt.to_json())
        except Exception as error:
            raise failed(self._store.uri(self._receipt), "written", error) from None

    def _remove_strays(self, names: set[str]) -> None:
        """Remove what an earlier landing of the report left, interrupted or replaced."""
        try:
            there = {entry.key for entry in self._store.list(self._folder)}
        except Exception as error:
            raise failed(self._store.uri(self._folder), "listed", error) from None
        for key in (there | self._replaced) - names:
            self._delete(key)

    def _delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except Exception as error:
            raise failed(self._store.uri(key), "deleted", error) from None
