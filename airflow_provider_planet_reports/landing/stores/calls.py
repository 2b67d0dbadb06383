"""Calls in daemon threads: a caller waits interruptibly, and the process can always exit.

A signal is not seen inside obstore's calls, and nothing can end one from outside. So a caller
waits for an answer in a queue, where a signal handler's exception gets through, and where
the end of all calls puts one, too. The thread is left behind.

Everything here may be called while a signal handler has interrupted the same code: there are
queues that allow it (:class:`queue.SimpleQueue`), and no locks.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from airflow_provider_planet_reports.landing.errors import DestinationError

#: Seconds that an unfinished upload is given to be aborted, before its thread is left behind.
GRACE = 2.0
#: Seconds after which an idle thread ends.
_IDLE = 10.0

#: Inboxes of idle threads. A forked process has none of these threads.
_idle: list[SimpleQueue[Callable[[], None]]] = []
os.register_at_fork(after_in_child=_idle.clear)


class Call:
    """A call under way. The first answer counts: its own, or that of :meth:`Calls.end`.

    :param wake: called after each answer, by any thread.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._ended: SimpleQueue[None] = SimpleQueue()

    def answer(self, result: Any, error: BaseException | None = None) -> None:
        """Wake who waits for the call."""
        if self._answers.empty():
            self._answers.put((result, error))
        self._wake()

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return not self._answers.empty()

    def wait(self) -> Any:
        """Return the call's result, or raise its error."""
        answer = self._answers.get()
        self._answers.put(answer)
        result, error = answer
        if error is not None:
            raise error
        return result

    def wait_for_its_thread(self, seconds: float) -> bool:
        """Return whether the thread is through with the call, after some seconds at most."""
        try:
            self._ended.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return False
        return True

    def run(self, function: Callable[[], Any]) -> None:
        """Do what is to be done; for its thread."""
        try:
            self.answer(function())
        except BaseException as error:  # a panic of obstore's is no Exception
            self.answer(None, error)
        self._ended.put(None)


class Calls:
    """The calls of one store."""

    def __init__(self) -> None:
        self._under_way: set[Call] = set()
        self._error: DestinationError | None = None
        self._ended_at = 0.0

    def run(self, function: Callable[[], Any]) -> Any:
        """Return what a function returns, which a daemon thread calls."""
        return self.start(function, wake=lambda: None).wait()

    def start(self, function: Callable[[], Any], wake: Callable[[], None]) -> Call:
        """Begin a call; see :class:`Call`."""
        call = Call(wake)

        def run() -> None:
            call.run(function)
            self._under_way.discard(call)

        self._under_way.add(call)
        if self._error is not None:
            self._under_way.discard(call)
            raise type(self._error)(str(self._error))
        try:
            inbox = _idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=_work, args=(inbox,), name="landing-store", daemon=True).start()
        inbox.put(run)
        return call

    def end(self, error: DestinationError) -> None:
        """Let all callers go with an error, and refuse everything from now on with it.

        :param error: why.
        """
        self._ended_at = time.monotonic()
        self._error = error
        for call in list(self._under_way):
            call.answer(None, type(error)(str(error)))

    @property
    def grace(self) -> float:
        """Seconds that something unfinished may take to end."""
        return GRACE if self._error is None else self._ended_at + GRACE - time.monotonic()


def _work(inbox: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        try:
            inbox.get(timeout=_IDLE)()
        except queue.Empty:
            try:
                _idle.remove(inbox)
            except ValueError:  # somebody has just taken it, and will fill it
                continue
            return
        else:
            _idle.append(inbox)
