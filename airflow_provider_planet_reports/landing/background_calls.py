"""Calls in daemon threads: a caller waits interruptibly, and the process can always exit.

A signal is not seen inside obstore's calls, and nothing can end one from outside. So a caller
waits for a future, where a signal handler's exception gets through, and which :meth:`Calls.cancel`
cancels. The thread is left behind.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from airflow_provider_planet_reports.landing.errors import DestinationError

#: Seconds that unfinished uploads are given to be aborted, before their threads are left behind.
GRACE = 2.0

#: Calls that wait for a thread; there is, or comes, an idle one for each.
_waiting: SimpleQueue[Callable[[], None]] = SimpleQueue()
#: Has as many permits as there are idle threads.
_idle = threading.Semaphore(0)
#: The processes that have made calls. One that was forked from another of them has none of these
#: threads, nor of obstore's, and every call would wait for them for ever.
_used_in: set[int] = set()


class Calls:
    """The calls of one store."""

    def __init__(self) -> None:
        self._under_way: set[Future[Any]] = set()
        self._cancelled_at: float | None = None

    def begin(self, function: Callable[[], Any]) -> Future[Any]:
        """Have a daemon thread call a function; return its future.

        :meth:`cancel` cancels the future; the function runs to its end all the same.

        :raises DestinationError: in a process that was forked from one that has made calls.
        """
        _used_in.add(os.getpid())
        if len(_used_in) > 1:
            raise DestinationError(
                "This process was forked from one that had used a bucket: start processes by "
                "'spawn', or use buckets in them alone."
            )
        call: Future[Any] = Future()
        self._under_way.add(call)  # before it looks, so that cancel() misses no call
        call.add_done_callback(self._under_way.discard)
        if self._cancelled_at:
            call.cancel()
        else:
            _begin(call, function)
        return call

    def clean_up(self, function: Callable[[], Any]) -> bool:
        """Call a function, also after :meth:`cancel`; return whether it has succeeded in time.

        What is cleaned up after :meth:`cancel` has ``GRACE`` seconds altogether.
        """
        call: Future[Any] = Future()
        _begin(call, function)
        spent = time.monotonic() - self._cancelled_at if self._cancelled_at else 0.0
        done, _ = wait([call], max(0.0, GRACE - spent))
        return bool(done) and call.exception() is None

    def cancel(self) -> None:
        """Let all callers go, and refuse everything from now on.

        Not for a signal handler, which may have interrupted the holder of a future's lock.
        """
        self._cancelled_at = self._cancelled_at or time.monotonic()
        for call in list(self._under_way):
            call.cancel()


def _begin(call: Future[Any], function: Callable[[], Any]) -> None:
    def run() -> None:
        with suppress(InvalidStateError):  # the caller was let go
            try:
                call.set_result(function())
            except BaseException as error:
                call.set_exception(error)

    if not _idle.acquire(blocking=False):
        threading.Thread(target=_work, name="landing-store", daemon=True).start()
    _waiting.put(run)


def _work() -> None:
    while True:
        _waiting.get()()
        _idle.release()
