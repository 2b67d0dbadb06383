"""The pace of requests, shared by all threads of a task."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

#: Without a ceiling the first 429 sets the pace to this, and every further one halves it.
_FIRST_CEILING = 10.0
_SLOWEST = 0.2
#: Each answer that is not a 429 lets the pace grow by this factor.
_RECOVERY = 1.1
#: Past this a learned ceiling is forgotten.
_FREE = 200.0


class RateLimiter:
    """Spaces out requests; a 429 slows every thread down, success speeds them up again.

    Planet limits requests per second and per minute, differently by plan, and does not
    publish this API's limit, so the pace is learned from refusals.

    :param ceiling: requests per second never to exceed, nor by tasks that follow one another in
        one slot of a pool: the first request waits its turn as well. None for no ceiling.
    :param wait: waits for so many seconds.
    """

    def __init__(
        self, ceiling: float | None = None, *, wait: Callable[[float], object] = time.sleep
    ) -> None:
        self._sleep = wait
        self._ceiling = self._rate = ceiling or math.inf
        # Airflow gives a pool slot that a task leaves to the next one at once. Without this delay,
        # short tasks that follow each other in one slot would together exceed the limit.
        self._next = time.monotonic() + 1 / ceiling if ceiling else 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until the next request may leave."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + 1 / self._rate
        if start > now:
            self._sleep(start - now)

    def slow_down(self, seconds: float) -> None:
        """Take note of a 429: nobody sends anything for this long, and then half as often.

        :param seconds: how long.
        """
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
            slower = _FIRST_CEILING if self._rate == math.inf else self._rate / 2
            self._rate = min(max(slower, _SLOWEST), self._ceiling)

    def recover(self) -> None:
        """Take note of an answer that is not a 429."""
        with self._lock:
            faster = self._rate * _RECOVERY
            self._rate = self._ceiling if faster >= min(self._ceiling, _FREE) else faster
