"""The one place that decides whether to try again, and when."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

log = logging.getLogger(__name__)

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0
#: A ``Retry-After`` that asks for more counts as this, wherever it is obeyed.
LONGEST_RETRY_AFTER = 3600.0
#: Where a server asks for more than this, a later task does better than one that waits.
LONGEST_WAIT = 300.0


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks to wait.

    :param value: the header: seconds, or a date (RFC 9110, section 10.2.3).
    :return: seconds, from 0 to an hour; None where the header is missing or makes no sense.
    """
    from urllib3.exceptions import InvalidHeader
    from urllib3.util import Retry

    try:
        return min(Retry().parse_retry_after(value or ""), LONGEST_RETRY_AFTER)
    except (InvalidHeader, ValueError, TypeError, IndexError, OverflowError):
        return None


class Retries:
    """A budget of further tries for one piece of work.

    :param limit: how many further tries there are.
    :param wait: waits for so many seconds; returns whether to stop instead of going on.
    """

    def __init__(self, limit: int, *, wait: Callable[[float], bool]) -> None:
        self._limit = limit
        self._wait = wait
        self._failures = 0

    def progressed(self) -> None:
        """Give the whole budget back: the work got further since the last failure."""
        self._failures = 0

    def wait(self, problem: str, *, asked: float | None = None) -> bool:
        """Wait before another try, or say that there is none.

        The pause grows exponentially, with jitter, up to a minute.

        :param problem: what happened, without secrets; logged with the waiting.
        :param asked: seconds that the server asked to wait.
        :return: whether to try again.
        """
        self._failures += 1
        if self._failures > self._limit or (asked is not None and asked > LONGEST_WAIT):
            return False
        longest = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing
        # Waiting longer than asked is allowed, and spares the budget when the wish was too small.
        seconds = max(pause, asked or 0.0)
        log.warning(
            "%s; trying again in %.1f s (%d of %d).", problem, seconds, self._failures, self._limit
        )
        return not self._wait(seconds)
