"""One part of a report on its way into the landing zone."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable

from airflow_provider_planet_reports.landing.content.kinds import SIGNATURE_SIZE, kind_of
from airflow_provider_planet_reports.landing.content.rows import RowCounter
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.receipt import LandedFile
from airflow_provider_planet_reports.landing.stores.interface import Store, Writer

log = logging.getLogger(__name__)


class PartFile:
    """Hashes and counts what is written, in the same pass.

    The file's extension depends on its content, so the file is begun with the first bytes. For one
    thread at a time.

    :param store: where it goes.
    :param key: the file's key without its extension.
    :param count: called with the number of bytes before any are written; what it raises ends the
        part.
    """

    def __init__(self, store: Store, key: str, count: Callable[[int], None]) -> None:
        self._store = store
        self._key = key
        self._count = count
        self._held = b""  # until there is enough of it to tell the kind
        self._name = key
        self._writer: Writer | None = None
        self._counter = RowCounter()
        self._sha256 = hashlib.sha256()
        self._size = 0
        #: Key of the file from when it may be visible; also after a failed commit, whose answer
        #: may be lost.
        self.visible: str | None = None
        #: The file, once it is committed.
        self.file: LandedFile | None = None

    def write(self, data: bytes) -> None:
        """Append bytes.

        :raises DamagedContent: if they are damaged gzip, or JSON, XML or HTML.
        :raises DestinationError: if the store fails.
        """
        self._count(len(data))
        self._held += data
        if self._writer is not None or len(self._held) >= SIGNATURE_SIZE:
            self._pass_on()

    def restart(self) -> None:
        """Discard what was written: the part begins again."""
        self.abandon()
        self._held, self._sha256, self._size = b"", hashlib.sha256(), 0

    def commit(self) -> LandedFile:
        """Make the file visible, whole.

        :raises DamagedContent: if it is cut gzip, or no report file at all.
        :raises DestinationError: if the store fails; the file may be visible all the same.
        """
        writer = self._writer or self._pass_on()
        rows = self._counter.rows()
        self.visible = self._name
        writer.commit()
        self.file = LandedFile(self._name, self._size, self._sha256.hexdigest(), rows)
        # A report may have a thousand parts: none of them keeps its buffers.
        self._counter, self._writer = RowCounter(), None
        return self.file

    def abandon(self) -> None:
        """Leave nothing behind, unless it was committed."""
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.abandon()
            except DestinationError as error:  # it must not hide why the part is abandoned
                log.warning("%s", error)

    def _pass_on(self) -> Writer:
        """Write what is held; the first bytes decide what the file is."""
        if self._writer is None:
            extension, self._counter = kind_of(self._held)
            self._name = self._key + extension
            self._writer = self._store.open(self._name)
        data, self._held = self._held, b""
        self._writer.write(data)
        self._size += len(data)
        self._sha256.update(data)
        self._counter.update(data)
        return self._writer
