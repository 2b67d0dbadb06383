"""What is to be known of a file's bytes, found out while they pass."""

from __future__ import annotations

import hashlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

from airflow_provider_planet_reports.landing.rows import RowCounter

#: Of smaller files, a thread would cost more than it saves.
_WORTH_A_THREAD = 2**20
#: Chunks that may wait to be inspected; each is held in memory.
_WAITING = 4


class Inspection:
    """Size, SHA-256 and rows of a file.

    Hashing and counting take about as long as receiving and writing, so a thread of its own does
    them meanwhile: most of that time Python lets other threads work.

    :param counter: counts the rows.
    """

    def __init__(self, counter: RowCounter) -> None:
        self.size = 0
        self._counter = counter
        self._sha256 = hashlib.sha256()
        self._helper: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()

    def update(self, data: bytes) -> None:
        """Take the next bytes, which must not change any more."""
        self.size += len(data)
        if self.size <= _WORTH_A_THREAD:
            self._inspect(data)
            return
        if self._helper is None:
            self._helper = ThreadPoolExecutor(1, thread_name_prefix="inspection")
        if len(self._waiting) == _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._helper.submit(self._inspect, data))

    def rows(self) -> int | None:
        """Return the number of rows so far; None where it can't be known."""
        self._catch_up()
        return self._counter.rows()

    def sha256(self) -> str:
        """Return the SHA-256 so far, in hexadecimal digits."""
        self._catch_up()
        return self._sha256.hexdigest()

    def end(self) -> None:
        """Let the thread go; what waits need not be inspected."""
        if self._helper is not None:
            self._helper.shutdown(wait=False, cancel_futures=True)

    def _catch_up(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def _inspect(self, data: bytes) -> None:
        self._sha256.update(data)
        self._counter.update(data)
