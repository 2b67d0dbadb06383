"""Polling in the triggerer: blocking work off its event loop, pauses that spread and grow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async

from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.client.errors import TransientError

P = ParamSpec("P")
T = TypeVar("T")

#: Polls at a time in one triggerer. An API that hangs holds up these threads, not the
#: default ones, which all triggers of all providers share.
_POLLS_AT_A_TIME = 32
#: After a failure the next poll is this far away at least, and twice as far each time.
_TROUBLE_PAUSE = 5.0
_LONGEST_TROUBLE_PAUSE = 900.0
#: A refusal does not pass by itself: somebody has to mend something first.
_REFUSAL_PAUSE = 60.0
_LONGEST_REFUSAL_PAUSE = 3600.0
#: Over so many seconds spreads what a shared poll sets going at once.
_LONGEST_MOMENT = 1.0


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_POLLS_AT_A_TIME, thread_name_prefix="planet-reports-poll")


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that blocks, without blocking the event loop; it may read connections.

    Before Airflow 3.2 these come by way of the triggerer's event loop, which is found from a
    thread of asgiref's. From any other thread, the answers of the triggerer's supervisor are
    read by two loops at once, and the triggerer ends with "Response read out of order".
    """
    call = sync_to_async(function, thread_sensitive=False, executor=_threads())
    return await call(*args, **kwargs)


async def moment(interval: float) -> None:
    """Wait for a moment, everybody for another one.

    A thousand watchers of one listing would otherwise all go through it in the same turn of the
    event loop, and nothing else would get its turn meanwhile.

    :param interval: seconds between two polls; the moment is a tenth of it at most.
    """
    longest = min(interval / 10, _LONGEST_MOMENT)
    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - spreads load, guards nothing


class Pauses:
    """How long to wait between polls.

    :param interval: seconds between two polls while all is well.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        #: Failures in a row.
        self.failures = 0

    def before_first(self) -> float:
        """Anything up to one interval: what one schedule starts together spreads over it."""
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
        first, longest = _TROUBLE_PAUSE, _LONGEST_TROUBLE_PAUSE
        if isinstance(error, PlanetReportsTaskFailure):
            first, longest = _REFUSAL_PAUSE, _LONGEST_REFUSAL_PAUSE
        doubled = max(self._interval, first) * 2.0 ** min(self.failures - 1, 30)
        pause = min(doubled, max(self._interval, longest))
        cause = error.__cause__
        asked = cause.retry_after if isinstance(cause, TransientError) else None
        return max(pause * random.uniform(0.8, 1.0), asked or 0.0)  # noqa: S311 - as above


def check_interval(name: str, value: object) -> None:
    """Refuse a polling interval that is no time at all.

    :param name: the parameter.
    :param value: seconds.
    :raises PlanetReportsTaskFailure: naming the parameter and the value.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise PlanetReportsTaskFailure(
            f"{name}={value!r} is not allowed: it must be a number of seconds greater than 0."
        )
