"""Polling in the triggerer: blocking work off its event loop, pauses that spread and grow."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskFailure,
    retry_after,
)
from airflow_provider_planet_reports.hooks.sessions import cancelled_together

P = ParamSpec("P")
T = TypeVar("T")

#: Polls at a time in one triggerer. An API that hangs holds up these threads, not the
#: default ones, which all triggers of all providers share; of one connection only its share.
_POLLS_AT_A_TIME = 32
_POLLS_OF_ONE_CONNECTION = 8
#: Minimum pause after a transient error and after a refusal, and the maximum to which it doubles. A
#: refusal does not pass by itself: somebody has to correct something first.
_PAUSES_AFTER_ERROR = (5.0, 900.0)
_PAUSES_AFTER_REFUSAL = (60.0, 3600.0)


class _DaemonThreads(Executor):
    """Runs each call in a thread of its own, which does not keep the process alive."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Start a call."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        future.set_running_or_notify_cancel()
        threading.Thread(target=run, name="planet-reports-poll", daemon=True).start()
        return future


class _Slots:
    """How many polls may run at a time in an event loop: in all, and of each connection."""

    def __init__(self) -> None:
        self.all = asyncio.Semaphore(_POLLS_AT_A_TIME)
        self.of = defaultdict[str, asyncio.Semaphore](
            partial(asyncio.Semaphore, _POLLS_OF_ONE_CONNECTION)
        )


_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, _Slots] = WeakKeyDictionary()


async def in_thread(conn_id: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks, without blocking the event loop; it may read connections.

    Before Airflow 3.2 these come by way of the triggerer's event loop, which is found from a
    thread of asgiref's. From any other thread, the answers of the triggerer's supervisor are
    read by two loops at once, and the triggerer ends with "Response read out of order".

    Where the trigger is cancelled, the sessions that the function opened are cancelled, too.

    :param conn_id: the connection that is polled.
    :param function: the function, and its arguments.
    """
    slots = _slots.setdefault(asyncio.get_running_loop(), _Slots())
    executor: Any = _DaemonThreads()  # asgiref asks for more than it needs
    call = sync_to_async(function, thread_sensitive=False, executor=executor)
    async with slots.of[conn_id], slots.all:
        with cancelled_together() as sessions:
            try:
                return await call(*args, **kwargs)
            except asyncio.CancelledError:
                sessions.cancel()
                raise


class PollBackoff:
    """How long to wait between polls.

    :param interval: seconds between two polls while all is well.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        #: Failures in a row.
        self.failures = 0

    def before_first(self) -> float:
        """Up to one interval: triggers that one schedule starts together spread over it."""
        return random.uniform(0, self._interval)  # noqa: S311 - spreads load, guards nothing

    def after_success(self) -> float:
        """One interval, give or take a tenth."""
        self.failures = 0
        return self._interval * random.uniform(0.9, 1.1)  # noqa: S311 - as above

    def after_failure(self, error: Exception) -> float:
        """Longer with every failure, and as long as the server asks.

        :param error: what went wrong.
        """
        self.failures += 1
        refused = isinstance(error, PlanetReportsTaskFailure)
        least, most = _PAUSES_AFTER_REFUSAL if refused else _PAUSES_AFTER_ERROR
        doubled = max(self._interval, least) * 2.0 ** min(self.failures - 1, 30)
        pause = min(doubled, max(self._interval, most))
        return max(pause * random.uniform(0.8, 1.0), retry_after(error) or 0.0)  # noqa: S311
