"""What goes wrong between a client and any API: a few faults, by chance, the same for a seed."""

from __future__ import annotations

import random
import threading
from collections import Counter

from airflow_provider_planet_reports.sandbox.http import Answer, Request

_BUSY = Answer(429, {"message": "You have exceeded your rate limit."}, {"Retry-After": "1"})
_DOWN = Answer(503, {"message": "Please try again later."})
_BROKEN = Answer(0, (), ending="reset")


class Faults:
    """A share of the requests meets a 429, a 503 or a connection that is reset.

    What a request meets depends on the seed, its address and how often that was asked for, and
    not on what other threads do meanwhile.

    :param share: of the requests, from 0 to 1.
    :param seed: another one makes others of them fail.
    """

    def __init__(self, share: float, seed: int) -> None:
        self._share = share
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def instead_of(self, answer: Answer, request: Request) -> Answer:
        """Return the answer, or the fault that the request meets.

        :param answer: what the request would get.
        :param request: what a client asked for.
        """
        with self._lock:
            self._asked[request.target] += 1
            times = self._asked[request.target]
        chance = random.Random(f"{self._seed}/{request.target}/{times}")  # noqa: S311
        return chance.choice((_BUSY, _DOWN, _BROKEN)) if chance.random() < self._share else answer
