"""The commit protocol: a receipt is put with one conditional request, and that decides.

The report's folder is listed before the landing begins. The landing writes files under names that
hold its own id, and then puts the receipt on the condition that it is still what it was when the
landing read it. So files that were in the folder before a put that succeeds, and that the receipt
does not name, belong to landings that can only commit against a receipt that has just been
replaced: they have lost, and their files may be deleted. There are no clocks and no locks in this.
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
from airflow_provider_planet_reports.landing.receipt import Receipt
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


def commit(store: Store, receipt: Receipt, base: StoredReceipt | None) -> Receipt | None:
    """Put a report's receipt if it is still what it was; return the receipt that is there then.

    :param receipt: what to put.
    :param base: what there was when the work began, None for nothing.
    :return: one of this landing, if it has won; else that of another landing, or the one that was
        to be replaced, put again by a clean-up; None where the report was removed meanwhile.
    :raises UnreadableReceipt: if what is there instead cannot be read.
    :raises DestinationError: if it is undecided: the receipt may still arrive, so no file may be
        deleted.
    """
    key, data = receipt.key, receipt.to_json()
    try:
        store.put(key.receipt, data, replaces=base.revision if base else None)
    except ConditionsUnsupported:
        store.keeps_conditions()  # it logs, once, that this server does not
        store.put_always(key.receipt, data)
    except DestinationError as error:
        # The answer may be lost, or be about a repetition of our own request.
        now = read_receipt(store, key)
        if (now and now.data) == (base and base.data):
            raise error from None
        return now and now.checked()
    return receipt


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
