"""The commit protocol: a receipt is put with one conditional request, and that decides.

Each landing writes files under names that hold its own id, lists the report's folder, and then
puts the receipt on the condition that it is still what it was when the landing began. So files that
were in the folder before a put that succeeds, and that the receipt does not name, belong to
landings that can only commit against a receipt that has just been replaced: they have lost, and
their files may be deleted. There are no clocks and no locks in this.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

from airflow_provider_planet_reports.landing.errors import (
    Cancelled,
    ConditionsUnsupported,
    DestinationError,
    UnreadableReceipt,
)
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt, landing_of
from airflow_provider_planet_reports.landing.stores.interface import Revision, Store

log = logging.getLogger(__name__)


class StoredReceipt(NamedTuple):
    """A report's receipt as the store has it.

    :param data: its bytes.
    :param revision: the state it is in, which a put has to name to replace it.
    :param content: what it says, or why it cannot be read.
    """

    data: bytes
    revision: Revision
    content: Receipt | UnreadableReceipt

    @property
    def receipt(self) -> Receipt | None:
        """The receipt; None where it cannot be read."""
        return self.content if isinstance(self.content, Receipt) else None

    def checked(self) -> Receipt:
        """Return the receipt.

        :raises UnreadableReceipt: if it cannot be read.
        """
        if isinstance(self.content, UnreadableReceipt):
            raise self.content
        return self.content


class Lost(Exception):
    """Another landing has committed meanwhile.

    :param winner: the receipt as it is now; None where there is none any more.
    """

    def __init__(self, winner: StoredReceipt | None) -> None:
        super().__init__("another landing has committed")
        self.winner = winner


def read_receipt(store: Store, key: ReportKey) -> StoredReceipt | None:
    """Return a report's receipt, None where there is none.

    :raises DestinationError: if the store fails.
    """
    try:
        data, revision = store.read(key.receipt)
    except FileNotFoundError:
        return None
    try:
        content = Receipt.from_json(data, key, store.uri(key.receipt))
    except UnreadableReceipt as error:
        return StoredReceipt(data, revision, error)
    return StoredReceipt(data, revision, content)


def commit(
    store: Store, receipt: Receipt, base: StoredReceipt | None, *, exact: bool = False
) -> None:
    """Put a report's receipt if it is still what it was; return when it is there.

    :param receipt: what to put.
    :param base: what there was when the work began, None for nothing.
    :param exact: whether only this very receipt counts as ours, and not any of its landing.
    :raises Lost: if another receipt is there instead.
    :raises DestinationError: if it is undecided: the receipt may still arrive, so no file may be
        deleted.
    """
    key, data = receipt.key, receipt.to_json()
    try:
        store.put(key.receipt, data, replaces=base.revision if base else None)
    except ConditionsUnsupported:
        store.keeps_conditions()  # it logs, once, that this server does not
        store.put_always(key.receipt, data)
    except Cancelled:
        raise
    except DestinationError as error:
        # The answer may be lost, or be about a repetition of our own request.
        now = read_receipt(store, key)
        if now and (now.data == data or (not exact and landing_of(now.data) == receipt.landing)):
            return
        if (now and now.data) == (base and base.data):
            raise error from None
        raise Lost(now) from None


def delete_unnamed(
    store: Store, snapshot: Iterable[str], receipt: Receipt, replaced: Receipt | None
) -> int:
    """Delete the files that a won commit has made garbage; return how many.

    On a server that does not keep conditions, a landing that is unknown here may still commit, so
    there only the files of the receipt that was replaced are deleted. A refused deletion is a
    warning: the report is landed.

    :param snapshot: files in the report's folder, listed before the commit.
    :param receipt: what was committed.
    :param replaced: the receipt that it replaced, if there was one that could be read.
    """
    garbage = {*snapshot} - {file.name for file in receipt.files}
    if garbage:
        try:
            if not store.keeps_conditions():
                garbage &= {file.name for file in replaced.files} if replaced else set()
        except DestinationError as error:
            log.warning("Files of earlier landings stay, run verify --remove-strays: %s", error)
            return 0
    return delete_files(store, garbage)


def delete_files(store: Store, keys: Iterable[str]) -> int:
    """Delete files; return how many could be. A refusal is a warning."""
    deleted = 0
    for key in sorted(keys):
        try:
            store.delete(key)
            deleted += 1
        except Cancelled:
            return deleted
        except DestinationError as error:
            log.warning("%s", error)
    return deleted
