"""One report on its way into the landing zone."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_planet_reports.landing import commit
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.part import PartFile
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.stores.interface import Store


class ReportLanding:
    """Writes a report's parts, then commits them together with its receipt.

    Used in this order: :meth:`begin`; :meth:`take_snapshot`, :meth:`part` and :meth:`complete`, in
    any threads; :meth:`finish`, when all of these are over; :meth:`abandon`, whatever happened.

    :param store: the destination.
    :param key: the report's identity.
    """

    def __init__(self, store: Store, key: ReportKey) -> None:
        self._store = store
        self._key = key
        self._id = secrets.token_hex(8)
        self._base: commit.StoredReceipt | None = None
        self._snapshot: list[str] = []
        self._committing = False
        self._lock = threading.Lock()  # guards the two dicts: parts are written by many threads
        self._parts: dict[int, PartFile] = {}
        self._files: dict[int, LandedFile] = {}

    def begin(self, *, overwrite: bool) -> bool:
        """Read the report's receipt, if there is one.

        Not needed for a report that a listing has just shown to have none.

        :param overwrite: whether this landing is to replace it, even if it cannot be read.
        :return: whether to land the report: False if it is landed and not to be replaced.
        :raises UnreadableReceipt: if there is one that cannot be read and is not to be replaced.
        :raises DestinationError: if the store fails.
        """
        self._base = commit.read_receipt(self._store, self._key)
        if self._base is None or overwrite:
            return True
        self._base.checked()
        return False

    def take_snapshot(self) -> None:
        """List the report's folder: what else is there is garbage once this landing has won.

        After :meth:`begin`, and before :meth:`finish`.

        :raises DestinationError: if the store fails.
        """
        self._snapshot = [entry.key for entry in self._store.list(self._key.folder)]

    def part(self, number: int, count: Callable[[int], None] = lambda _: None) -> PartFile:
        """Begin a part.

        :param number: 1 for the first.
        :param count: called with the number of bytes before any are written; what it raises ends
            the part.
        """
        part = PartFile(self._store, f"{self._key.folder}part-{number:05d}-{self._id}", count)
        with self._lock:
            self._parts[number] = part
        return part

    def complete(self, number: int) -> None:
        """Make a part visible, whole; it is landed only once the receipt names it.

        :param number: 1 for the first.
        :raises DamagedContent: if its bytes are no whole report file.
        :raises DestinationError: if the store fails.
        """
        file = self._parts[number].commit()
        with self._lock:
            self._files[number] = file

    @property
    def rows(self) -> int | None:
        """Rows over all completed parts; None where they can't be counted."""
        counts = [file.rows for file in self._files.values()]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def finish(self, report: Mapping[str, Any], landed_by: Mapping[str, Any]) -> Receipt | None:
        """Commit the report, then delete what the commit has made garbage.

        :param report: the API's object, with secrets removed.
        :param landed_by: the task instance.
        :return: the receipt; None if another landing of the report has committed meanwhile: then
            that one's files are there, and these are gone.
        :raises DestinationError: if the store fails, or it is undecided who has won.
        """
        replaced = self._base and self._base.receipt
        receipt = Receipt.issue(
            self._key,
            landing=self._id,
            report=report,
            files=tuple(self._files[number] for number in sorted(self._files)),
            landed_by=landed_by,
            replaces=replaced,
        )
        # From here on the receipt may be there, whatever happens: abandon() must delete nothing.
        self._committing = True
        try:
            commit.commit(self._store, receipt, self._base)
        except commit.Lost as lost:
            self._withdraw(lost.winner)
            return None
        commit.delete_unnamed(self._store, self._snapshot, receipt, replaced)
        return receipt

    def abandon(self) -> None:
        """Leave nothing behind of a report that is not committed; does nothing afterwards."""
        for part in self._parts.values():
            part.abandon()
        if not self._committing:
            self._delete_own()

    def _withdraw(self, winner: commit.StoredReceipt | None) -> None:
        """Delete this landing's files, after another one has won.

        :raises UnreadableReceipt: if what has won is no receipt.
        :raises DestinationError: if what was to be replaced is still there: not another landing
            has won, but a clean-up, which puts the same receipt again; or nothing is there.
        """
        if self._store.keeps_conditions():  # else our own receipt may still come after the winner's
            self._delete_own()
        now, before = winner and winner.checked(), self._base and self._base.receipt
        if now is None or (before and now.landing == before.landing):
            what = "was removed" if now is None else "was cleaned up"
            raise DestinationError(
                f"Try again: report {self._key.report_id!r} {what} while it was landed. "
                f"{self._store.uri(self._key.receipt)}"
            )

    def _delete_own(self) -> None:
        parts, self._parts = self._parts, {}
        visible = (part.visible for part in parts.values())
        commit.delete_files(self._store, filter(None, visible))
