"""The sandbox's rate limit."""

from __future__ import annotations

import threading
import time
from collections import deque

_WINDOW = 1.0  # seconds


class Rate:
    """Counts the requests of any one second, wherever it begins, and says which are too many.

    :param limit: how many are let in; None for all.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._came: deque[float] = deque()
        self._let_in: deque[float] = deque()
        #: Most requests of one second so far, those that were too many included.
        self.busiest = 0

    def lets_in(self) -> bool:
        """Count a request that comes now; return whether it is let in."""
        with self._lock:
            now = time.monotonic()
            for times in (self._came, self._let_in):
                while times and now - times[0] >= _WINDOW:
                    times.popleft()
            self._came.append(now)
            self.busiest = max(self.busiest, len(self._came))
            if self._limit is not None and len(self._let_in) >= self._limit:
                return False
            self._let_in.append(now)
            return True
