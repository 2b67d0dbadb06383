"""One report on its way into the landing zone."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow_provider_planet_reports.landing import commit
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.part import PartFile
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.stores.interface import Store

log = logging.getLogger(__name__)


class ReportLanding:
    """Writes a report's parts, then commits them together with its receipt.

    Used in this order: :meth:`begin`; :meth:`next_part`; :meth:`finish`, when all parts are
    complete; :meth:`abandon`, whatever happened. Its methods are for one thread at a time; each
    part may be written by another one.

    :param store: the destination.
    :param key: the report's identity. One that no store could hold is refused as
        :class:`~.InvalidInput` by the first method that is called, before anything is written.
    :param snapshot: the files that were in the report's folder before this landing began; they are
        deleted if it wins. A later listing may hold files of a landing that builds on this one.
    """

    def __init__(self, store: Store, key: ReportKey, snapshot: Iterable[str] = ()) -> None:
        self._store = store
        self._key = key
        self._snapshot = snapshot
        self._id = secrets.token_hex(8)
        self._base: commit.StoredReceipt | None = None
        self._parts: list[PartFile] = []

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

    def next_part(self, count: Callable[[int], None] = lambda _: None) -> PartFile:
        """Begin a part; it is landed only once it is committed and the receipt names it.

        :param count: called with the number of bytes before any are written; what it raises ends
            the part.
        """
        name = f"part-{len(self._parts) + 1:05d}-{self._id}"
        part = PartFile(self._store, f"{self._key.folder}{name}", count)
        self._parts.append(part)
        return part

    @property
    def files(self) -> tuple[LandedFile, ...]:
        """The files of all committed parts, in the order of the parts."""
        return tuple(part.file for part in self._parts if part.file)

    @property
    def rows(self) -> int | None:
        """Rows over all committed parts; None where they can't be counted."""
        known = [file.rows for file in self.files if file.rows is not None]
        return sum(known) if len(known) == len(self.files) else None

    def finish(self, report: Mapping[str, Any], landed_by: Mapping[str, Any]) -> Receipt | None:
        """Commit the report, then delete what the commit has made garbage.

        :param report: the API's object, with secrets removed.
        :param landed_by: the task instance.
        :return: the receipt; None if another landing of the report has committed meanwhile: then
            that one's files are there, and these are gone.
        :raises UnreadableReceipt: if another one is there that cannot be read; nothing is deleted.
        :raises DestinationError: if the store fails, or it is undecided who has won.
        """
        now, replaced = _now(), self._base and self._base.receipt
        receipt = Receipt(
            self._key,
            self._id,
            report,
            self.files,
            landed_at=now,
            first_landed_at=replaced.first_landed_at if replaced else now,
            landed_by=landed_by,
            first_landed_by=replaced.first_landed_by if replaced else landed_by,
        )
        own = {file.name for file in receipt.files}
        garbage = self._garbage(own, replaced)
        # From here on the receipt may be there, whatever happens: abandon() must delete nothing.
        self._parts = []
        winner = commit.commit(self._store, receipt, self._base)
        if winner and winner.landing == self._id:
            commit.delete_files(self._store, garbage)
            return receipt
        if self._store.keeps_conditions():  # else our own receipt may still come after the winner's
            commit.delete_files(self._store, own)
        if winner is None or (replaced and winner.landing == replaced.landing):
            raise DestinationError(
                f"Try again: report {self._key.report_id!r} was removed or cleaned up while it was "
                f"landed. {self._store.uri(self._key.receipt)}"
            )
        return None

    def _garbage(self, own: set[str], replaced: Receipt | None) -> set[str]:
        """Return the files that this landing makes garbage if it wins."""
        named = {file.name for file in replaced.files} if replaced else set()
        found = named | {*self._snapshot} - own
        try:
            if not found or self._store.keeps_conditions():
                return found
        except DestinationError as error:
            log.warning("Files of earlier landings stay, run verify --remove-strays: %s", error)
        return named  # a landing that is unknown here may still commit

    def abandon(self) -> None:
        """Leave nothing behind of a report that is not committed."""
        for part in self._parts:
            part.abandon()
        commit.delete_files(self._store, filter(None, (part.visible for part in self._parts)))


def _now() -> str:
    return dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
