"""A landing zone: what is landed in a destination, and how more is."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import layout
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.index import ReceiptIndex
from airflow_provider_planet_reports.landing.part import PartFile, failed
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.stores.interface import Store, put

log = logging.getLogger(__name__)

#: Receipts are small: with many at a time, reading them takes as long as a few round trips.
_READERS = 16
#: With fewer receipts to read one by one than this, an index would cost more than it saves.
_WORTH_AN_INDEX = 100
#: Below it is noted, while a report that has moved to another partition is landed over again,
#: which folders may hold files of it: should the landing die, nothing else would know.
_MOVED = f"{layout.RECEIPTS}_moved/"
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
        self._notes: set[str] = set()

    def landed(self) -> frozenset[str]:
        """Return the ids of all landed reports, from one listing of the receipts.

        :raises DestinationError: if the destination can't be read.
        """
        where = self.store.uri(layout.RECEIPTS)
        try:
            entries = list(self.store.list(layout.RECEIPTS))
        except Exception as error:
            raise failed(where, "listed", error) from None
        self._notes = {entry.key for entry in entries if entry.key.startswith(_MOVED)}
        found = ((layout.receipt_id(entry.key), entry.stamp) for entry in entries)
        self._stamps = {report_id: stamp for report_id, stamp in found if report_id is not None}
        return frozenset(self._stamps)

    def files(self) -> Iterator[str]:
        """Yield the keys of all files in the destination, receipts and the like left out.

        :raises DestinationError: if the destination can't be read.
        """
        try:
            for entry in self.store.list(""):
                if not entry.key.startswith(layout.RECEIPTS):
                    yield entry.key
        except Exception as error:
            raise failed(self.store.uri(""), "listed", error) from None

    def receipts(self, report_ids: Iterable[str]) -> dict[str, Receipt]:
        """Return the receipts of landed reports by id.

        What another run has begun to land over again since :meth:`landed` is left out: it is
        not landed at the moment.

        Many of them come out of the index, which is one object, and which is brought up to date
        when too many were missing from it.

        :param report_ids: of reports that :meth:`landed` has returned.
        :raises DestinationError: if one can't be read.
        """
        wanted = list(report_ids)
        index = ReceiptIndex(self.store)
        known = index.load(self._stamps) if len(wanted) >= _WORTH_AN_INDEX else {}
        found = {report_id: known[report_id] for report_id in wanted if report_id in known}
        missing = [report_id for report_id in wanted if report_id not in known]
        with ThreadPoolExecutor(_READERS) as readers:
            read = zip(missing, readers.map(self._receipt_if_there, missing), strict=True)
            found.update((report_id, receipt) for report_id, receipt in read if receipt)
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
        return ReportLanding(
            self.store,
            report,
            replaces=report.report_id in self._stamps,
            moved=_note_key(report.report_id) in self._notes,
        )

    def uri_of_receipt(self, report_id: str) -> str:
        """Return the address of a report's receipt, whether it is there or not.

        :param report_id: its id.
        """
        return self.store.uri(layout.receipt_key(report_id))

    def receipt(self, report_id: str) -> Receipt:
        """Return a landed report's receipt.

        :param report_id: its id.
        :raises DestinationError: if it can't be read.
        """
        found = self._receipt_if_there(report_id)
        if found is None:
            missing = FileNotFoundError("it is not there")
            raise failed(self.uri_of_receipt(report_id), "read", missing)
        return found

    def _receipt_if_there(self, report_id: str) -> Receipt | None:
        data = _read(self.store, layout.receipt_key(report_id))
        if data is None:
            return None
        return Receipt.from_json(data, self.uri_of_receipt(report_id))


class ReportLanding:
    """A report on its way: its parts become visible together, its receipt last.

    :param store: the destination.
    :param report: the report.
    :param replaces: whether it is landed already, and is to be landed over again.
    :param moved: whether it is noted that files of it may lie in other folders.
    """

    def __init__(
        self, store: Store, report: Report, *, replaces: bool = False, moved: bool = False
    ) -> None:
        self._store = store
        self._report = report
        self._replaces = replaces
        self._moved = moved
        self._folder = layout.data_folder(report)
        self._receipt = layout.receipt_key(report.report_id)
        self._note = _note_key(report.report_id)
        self._parts: dict[int, PartFile] = {}
        self._waiting: list[int] = []
        self._visible: dict[int, LandedFile] = {}
        #: Files of earlier landings; known from when the first part becomes visible.
        self._older: set[str] | None = None
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
        self._parts[number].complete()
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
        self._remove_older({file.name for file in files})
        receipt = Receipt.issue(self._report, files, landed_by)
        # Should writing the receipt fail, it may be there all the same: its files have to stay.
        self._visible.clear()
        self._put(self._receipt, receipt.to_json())
        if self._moved:
            try:
                self._delete(self._note)
            except DestinationError as error:  # the next landing finds nothing by it, and tries
                log.warning("%s", error)
        return receipt

    def abandon(self) -> None:
        """Leave nothing behind of a report that is not finished."""
        for part in self._parts.values():
            part.abandon()
        visible, self._visible = self._visible, {}
        for file in visible.values():
            # Another run may have landed the report meanwhile; then these are its files.
            try:
                if _read(self._store, self._receipt) is None:
                    self._delete(file.name)
            except DestinationError as error:  # it is whole, and without a receipt it is nothing
                log.warning("%s", error)

    def _commit(self, numbers: Iterable[int]) -> None:
        if self._older is None:
            self._older = self._take_over()
        for number in numbers:
            self._visible[number] = self._parts[number].commit()

    def _take_over(self) -> set[str]:
        """Take away the receipt of an earlier landing, which is not true from here on.

        Files tell that there may be one also where there was none when the run began: another
        run may have landed the report meanwhile.

        :return: the files of earlier landings, interrupted ones too; they may lie elsewhere.
        """
        older = self._files_in(self._folder)
        if not (older or self._replaces or self._moved):
            return older
        # In this order: who takes the receipt away has written the note before.
        elsewhere = (self._folders_of_receipt() | self._folders_of_note()) - {self._folder}
        if elsewhere:
            self._moved = True
            self._put(self._note, json.dumps([*sorted(elsewhere), self._folder]).encode())
        self._delete(self._receipt)
        return older.union(*map(self._files_in, elsewhere))

    def _remove_older(self, names: set[str]) -> None:
        for key in (self._older or set()) - names:
            self._delete(key)

    def _folders_of_receipt(self) -> set[str]:
        """Return the folders of the landing that this one replaces."""
        data = _read(self._store, self._receipt)
        if data is None:
            return set()
        try:
            old = Receipt.from_json(data, self._receipt)
        except DestinationError:  # that may be why it is replaced
            return set()
        return self._own(f"{str(file.name).rpartition('/')[0]}/" for file in old.files)

    def _folders_of_note(self) -> set[str]:
        try:
            return self._own(map(str, json.loads(_read(self._store, self._note) or b"[]")))
        except (TypeError, ValueError):  # nobody has written that who lands
            return set()

    def _own(self, folders: Iterable[str]) -> set[str]:
        """Keep only folders of this report: in others nothing is to be deleted, whoever says so."""
        name = self._folder.split("/")[-2]
        return {folder for folder in folders if folder.split("/")[-2:] == [name, ""]}

    def _files_in(self, folder: str) -> set[str]:
        try:
            return {entry.key for entry in self._store.list(folder)}
        except Exception as error:
            raise failed(self._store.uri(folder), "listed", error) from None

    def _put(self, key: str, data: bytes) -> None:
        try:
            put(self._store, key, data)
        except Exception as error:
            raise failed(self._store.uri(key), "written", error) from None

    def _delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except Exception as error:
            raise failed(self._store.uri(key), "deleted", error) from None


def _read(store: Store, key: str) -> bytes | None:
    """Return a small object, or None where there is none."""
    try:
        return store.read(key)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise failed(store.uri(key), "read", error) from None


def _note_key(report_id: str) -> str:
    """Return the key of the note that a report has moved: its receipt's, in another folder."""
    return layout.receipt_key(report_id).replace(layout.RECEIPTS, _MOVED, 1)
