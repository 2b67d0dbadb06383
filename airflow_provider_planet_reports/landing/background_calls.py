"""Calls in daemon threads: a caller waits interruptibly, and the process can always exit.

A signal is not seen inside obstore's calls, and nothing can end one from outside. So a caller
waits for a future, where a signal handler's exception gets through, and which :meth:`Calls.end`
sets, too. The thread is left behind.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

#: Seconds that unfinished uploads are given to be aborted, before their threads are left behind.
GRACE = 2.0
#: Seconds after which a thread that waits for a slot looks whether it may still have one.
_SLOT_POLL = 0.1

#: Inboxes of threads that have nothing to do. A forked process has none of these threads.
_idle: list[SimpleQueue[Callable[[], None]]] = []
os.register_at_fork(after_in_child=_idle.clear)


class Calls:
    """The calls of one store."""

    def __init__(self) -> None:
        self._under_way: set[Future[Any]] = set()
        self._error: Exception | None = None
        self._until = 0.0

    def run(self, function: Callable[[], Any]) -> Any:
        """Return what a function returns, which a daemon thread calls."""
        return self.start(function).result()

    def start(self, function: Callable[[], Any]) -> Future[Any]:
        """Begin a call; one that begins while :meth:`end` is called ends as well."""
        call: Future[Any] = Future()
        self._under_way.add(call)
        call.add_done_callback(self._under_way.discard)
        self._refuse_if_ended()

        def run() -> None:
            with suppress(InvalidStateError):  # the caller was let go
                try:
                    call.set_result(function())
                except BaseException as error:  # a panic of obstore's is no Exception
                    call.set_exception(error)

        try:
            inbox = _idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=_work, args=(inbox,), name="landing-store", daemon=True).start()
        inbox.put(run)
        return call

    def wait_for(self, slots: threading.Semaphore) -> None:
        """Wait for a free slot."""
        while not slots.acquire(timeout=_SLOT_POLL):
            self._refuse_if_ended()

    def end(self, error: Exception) -> None:
        """Let all callers go with an error, and refuse everything from now on with it.

        Not for a signal handler, which may have interrupted the holder of a future's lock.
        """
        self._until, self._error = time.monotonic() + GRACE, error
        for call in list(self._under_way):
            with suppress(InvalidStateError):  # it has ended by itself
                call.set_exception(_copy(error))

    @property
    def grace(self) -> float:
        """Seconds that something unfinished may take to end."""
        return GRACE if self._error is None else max(0.0, self._until - time.monotonic())

    def _refuse_if_ended(self) -> None:
        if self._error is not None:
            raise _copy(self._error)


def _copy(error: Exception) -> Exception:
    """Return the same error again: one object would collect the tracebacks of all callers."""
    return type(error)(str(error))


def _work(inbox: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        inbox.get()()
        _idle.append(inbox)
