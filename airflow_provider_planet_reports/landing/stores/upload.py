"""How an object of any size gets into a bucket."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from threading import Semaphore
from typing import Any

from airflow_provider_planet_reports.landing.background_calls import Calls

log = logging.getLogger(__name__)

#: Smaller objects are one request, others are uploaded in parts of this size; S3 allows 10,000 of
#: them, so this is good for 78 GiB.
PART_SIZE = 8 * 2**20
#: Parts of one object under way at a time.
PARTS_AT_A_TIME = 3
#: Bytes that are handed to obstore at a time: its calls are in another thread.
_BUNDLE = 4 * 2**20
#: Bytes from which an object counts as large.
_LARGE = 2**20
#: Large objects at a time; each takes up to 36 MiB of memory.
LARGE_AT_A_TIME = 4
_Run = Callable[[Callable[[], Any]], Any]


class BucketWriter:
    """An object that is being written.

    :param file: obstore's writer. It keeps what is less than a part; then it uploads parts while
        more is written.
    :param slots: the store's slots for large objects.
    :param calls: the store's calls.
    :param run: makes one of them.
    """

    def __init__(self, file: Any, slots: Semaphore, calls: Calls, run: _Run) -> None:
        self._file = file
        self._slots = slots
        self._calls = calls
        self._run = run
        self._size = 0
        self._held: list[bytes] = []
        self._leaving = ExitStack()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        before, self._size = self._size, self._size + len(data)
        if before < _LARGE <= self._size:
            self._run(self._slots.acquire)
            self._leaving.callback(self._slots.release)
        self._held.append(data)
        if before // _BUNDLE < self._size // _BUNDLE:
            self._run(self._hand_on)

    def commit(self) -> None:
        """Make the whole object visible."""
        self._run(self._close)
        self._leaving.close()

    def abandon(self) -> None:
        """Leave nothing behind, if the store answers while there is time for it."""
        if self._size >= PART_SIZE and not self._calls.clean_up(self._abort):
            log.warning("An unfinished upload was left behind: the store does not answer.")
        self._leaving.close()

    def _hand_on(self) -> None:
        held, self._held = self._held, []
        for data in held:
            self._file.write(data)

    def _close(self) -> None:
        self._hand_on()
        self._file.close()

    def _abort(self) -> None:
        if not self._file.closed():
            self._file.__exit__(RuntimeError, None, None)
