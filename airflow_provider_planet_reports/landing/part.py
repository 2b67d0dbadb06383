"""One part of a report on its way into the landing zone."""

from __future__ import annotations

import logging
import re

from airflow_provider_planet_reports.landing.content.rows import SIGNATURE_SIZE, kind_of
from airflow_provider_planet_reports.landing.content.stream_stats import StreamStats
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.layout import part_name
from airflow_provider_planet_reports.landing.receipt import LandedFile
from airflow_provider_planet_reports.landing.stores.interface import Store, Writer, sha256_of

log = logging.getLogger(__name__)

_SIGNED = re.compile(r"\?\S*")


class PartFile:
    """Hashes and counts what is written, in the same pass.

    The file's name ends in what the content is, so the file is begun with the first bytes.

    :param store: where it goes.
    :param folder: the report's folder, ending in a slash.
    :param number: 1 for the first part.
    """

    def __init__(self, store: Store, folder: str, number: int) -> None:
        self._store = store
        self._folder = folder
        self._number = number
        self._writer: Writer | None = None
        self._forget()

    def _forget(self) -> None:
        self._key = ""
        self._held = b""
        self._inspection: StreamStats | None = None

    def write(self, data: bytes) -> None:
        """Append bytes.

        :raises DestinationError: if the store fails.
        """
        if self._writer is None:
            data = self._held + data
            self._held = data if len(data) < SIGNATURE_SIZE else b""
            if self._held:
                return
        self._append(data)

    def _append(self, data: bytes) -> None:
        writer = self._writer or self._begin(data)
        try:
            writer.write(data)
        except Exception as error:
            raise failed(self._uri(), "written", error) from None
        assert self._inspection is not None
        self._inspection.update(data)

    def restart(self) -> None:
        """Throw away what was written: the part begins again."""
        self.abandon()
        self._forget()

    def complete(self) -> None:
        """Take note that all bytes are written."""
        if self._inspection is not None:
            self._inspection.complete()

    def commit(self) -> LandedFile:
        """Make the file visible, whole.

        Where that fails, the file may be visible all the same: the answer got lost, or another
        run has landed the same (on Azure, who is first takes away what others have uploaded).

        :raises DestinationError: if the store fails; then nothing is visible.
        """
        if self._writer is None:
            self._append(self._held)
        assert self._writer is not None
        assert self._inspection is not None
        self._inspection.complete()
        digest, rows = self._inspection.sha256(), self._inspection.rows()
        try:
            self._writer.commit()
        except Exception as error:
            if not self._is_visible(digest):
                raise failed(self._uri(), "completed", error) from None
            self.abandon()
        self._writer = None
        return LandedFile(self._key, self._inspection.size, digest, rows)

    def _is_visible(self, digest: str) -> bool:
        try:
            return sha256_of(self._store, self._key) == digest
        except Exception:  # there is none, or it can't be told
            return False

    def abandon(self) -> None:
        """Leave nothing behind, unless it was committed."""
        writer, self._writer = self._writer, None
        if self._inspection is not None:
            self._inspection.end()
        if writer is not None:
            try:
                writer.abandon()
            except Exception as error:  # it must not hide why the part is abandoned
                log.warning("%s", failed(self._uri(), "abandoned", error))

    @property
    def rows(self) -> int | None:
        """Rows so far; None where they can't be counted."""
        if self._inspection is not None:
            return self._inspection.rows()
        _, counter = kind_of(self._held)
        counter.update(self._held)
        return counter.rows()

    def _begin(self, first: bytes) -> Writer:
        extension, counter = kind_of(first)
        self._inspection = StreamStats(counter)
        self._key = self._folder + part_name(self._number, extension)
        try:
            self._writer = self._store.open(self._key)
        except Exception as error:
            raise failed(self._uri(), "begun", error) from None
        return self._writer

    def _uri(self) -> str:
        return self._store.uri(self._key)


def failed(uri: str, what: str, error: Exception) -> DestinationError:
    """Return the error for a store that failed, to be raised ``from None``.

    The store's own error stays behind: it may show a signed address, which no traceback is to
    repeat.

    :param uri: the object, or the place.
    :param what: what could not be done with it, as participle.
    :param error: what the store raised; addresses in it may be signed.
    """
    why = _SIGNED.sub("?***", f"{type(error).__name__}: {error}")
    return DestinationError(f"{uri} could not be {what} ({why}).")
