"""Size, digest and rows of a file, computed while its bytes stream by."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from weakref import WeakSet

from airflow_provider_planet_reports.landing.content.rows import RowCounter

#: For smaller files, a thread would cost more than it saves.
_WORTH_A_THREAD = 2**20
#: Chunks that may wait for the thread; each is held in memory.
_WAITING = 4
#: Open files of this process, and the threads that some of them have: each takes a core.
_at_work: WeakSet[object] = WeakSet()


class StreamStats:
    """Size, SHA-256 and rows of a file.

    Hashing and counting take longer than receiving and writing, so a thread of its own does them
    where there is a core for it; most of that time the interpreter lock is released. With as many
    open files as cores, more threads would only take turns.

    All methods are for one thread at a time, the one that writes the file.

    :param counter: counts the rows.
    """

    def __init__(self, counter: RowCounter) -> None:
        self.size = 0
        self._counter = counter
        self._sha256 = hashlib.sha256()
        self._helper: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[None]] = deque()
        _at_work.add(self)

    def update(self, data: bytes) -> None:
        """Take the next bytes, which must not change any more."""
        self.size += len(data)
        if self._helper is None:
            if self.size <= _WORTH_A_THREAD or len(_at_work) >= (os.cpu_count() or 1):
                self._process(data)
                return
            self._helper = ThreadPoolExecutor(1, thread_name_prefix="stream-stats")
            _at_work.add(self._helper)
        if len(self._waiting) == _WAITING:
            self._waiting.popleft().result()
        self._waiting.append(self._helper.submit(self._process, data))

    def rows(self) -> int | None:
        """Return the number of rows so far; None where it can't be known."""
        self._catch_up()
        return self._counter.rows()

    def sha256(self) -> str:
        """Return the SHA-256 so far, in hexadecimal digits."""
        self._catch_up()
        return self._sha256.hexdigest()

    def complete(self) -> None:
        """Process what waits, release the thread, and check that the file is whole.

        :raises DamagedContent: if it is not.
        """
        self._catch_up()
        self.end()
        self._counter.complete()

    def end(self) -> None:
        """Release the thread; what waits is dropped."""
        _at_work.discard(self)
        if self._helper is not None:
            _at_work.discard(self._helper)
            self._helper.shutdown(wait=False, cancel_futures=True)

    def _catch_up(self) -> None:
        while self._waiting:
            self._waiting.popleft().result()

    def _process(self, data: bytes) -> None:
        self._sha256.update(data)
        self._counter.update(data)
