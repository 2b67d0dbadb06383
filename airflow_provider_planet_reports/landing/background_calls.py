"""Calls in daemon threads: a caller waits interruptibly, and the process can always exit.

A signal is not seen inside obstore's calls, and nothing can end one from outside. So a caller
waits for an answer in a queue, where a signal handler's exception gets through, and where
:meth:`Calls.end` puts an answer, too. The thread is left behind.

A signal handler may call :meth:`Calls.end` while it interrupts any line of this module: it meets
queues that allow this (:class:`queue.SimpleQueue`), and no locks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

#: Seconds that unfinished uploads are given to be aborted, before their threads are left behind.
GRACE = 2.0
_PIECES_WAITING = 2

#: Inboxes of threads that have nothing to do. A forked process has none of these threads.
_idle: list[SimpleQueue[Callable[[], None]]] = []
os.register_at_fork(after_in_child=_idle.clear)


class Call:
    """A call under way. ``ended`` is set when its thread is through with it.

    :param wake: called after each answer, in any thread.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self.ended = threading.Event()

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return not self._answers.empty()

    def answer(self, result: Any, error: BaseException | None = None) -> None:
        """Answer who waits. The first answer counts."""
        if not self.answered:
            self._answers.put((result, error))
        self._wake()

    def wait(self) -> Any:
        """Return the call's result, or raise its error."""
        result, error = answer = self._answers.get()
        self._answers.put(answer)  # for the next to ask
        if error is not None:
            raise error
        return result


class Calls:
    """The calls of one store."""

    def __init__(self) -> None:
        self._under_way: set[Call] = set()
        self._error: Exception | None = None
        self._until = 0.0

    def run(self, function: Callable[[], Any]) -> Any:
        """Return what a function returns, which a daemon thread calls."""
        return self.start(function).wait()

    def start(self, function: Callable[[], Any], wake: Callable[[], None] = lambda: None) -> Call:
        """Begin a call; see :class:`Call`."""
        call = Call(wake)
        self._under_way.add(call)

        def run() -> None:
            try:
                call.answer(function())
            except BaseException as error:  # a panic of obstore's is no Exception
                call.answer(None, error)
            self._under_way.discard(call)
            call.ended.set()

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

    def end(self, error: Exception) -> None:
        """Let all callers go with an error, and refuse everything from now on with it."""
        self._until, self._error = time.monotonic() + GRACE, error
        for call in list(self._under_way):
            call.answer(None, type(error)(str(error)))

    @property
    def grace(self) -> float:
        """Seconds that something unfinished may take to end."""
        return GRACE if self._error is None else max(0.0, self._until - time.monotonic())


class FedCall:
    """A call of a function that takes pieces of bytes, which come one after another.

    The function's thread knows nothing of this object, so that it may be forgotten.

    :param calls: the store's.
    :param function: gets an iterator of the pieces, which raises an error when they are stopped.
    """

    def __init__(self, calls: Calls, function: Callable[[Iterator[bytes]], Any]) -> None:
        # None is the end of the pieces, an error stops them. A token in ``room`` stands for each
        # piece that may be sent, so that not too many wait in memory.
        pieces: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_PIECES_WAITING):
            room.put(None)

        def source() -> Iterator[bytes]:
            while (piece := pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                room.put(None)
                yield piece

        def stop() -> None:
            pieces.put(_Stopped())
            room.put(None)

        self._call = calls.start(lambda: function(source()), wake=stop)
        self._pieces, self._room, self._stop = pieces, room, stop

    def send(self, piece: bytes) -> None:
        """Hand over a piece, or raise the call's error."""
        if not self._call.answered:
            self._room.get()
        if self._call.answered:
            self._call.wait()
        self._pieces.put(piece)

    def finish(self) -> None:
        """Wait until the function is through with all pieces."""
        self._pieces.put(None)
        self._call.wait()

    def stop(self, seconds: float) -> bool:
        """Let the pieces end in an error.

        :param seconds: how long to wait for the function to end.
        :return: whether it has ended.
        """
        self._stop()
        return self._call.ended.wait(seconds)


class _Stopped(Exception):
    """There are no more pieces, and those that were sent are not wanted."""


def _work(inbox: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        inbox.get()()
        _idle.append(inbox)
