"""A sandbox that misbehaves: for proving that nothing is lost when the API does."""

from __future__ import annotations

import random
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from airflow_provider_planet_reports.sandbox.http import Answer, Request, content_of, serving
from airflow_provider_planet_reports.sandbox.reports import MadeUpReport
from airflow_provider_planet_reports.sandbox.server import PATH, Sandbox
from hostile import listing_faults, status_faults, transport_faults  # noqa: F401 - they register
from hostile.incident import FAULTS, Fault, Incident, Place

#: The part of a signed link that is secret begins with this; searching for it finds every leak.
SIGNATURE = "sandbox-signature"


class HostileSandbox(Sandbox):
    """A sandbox in which requests meet faults, by chance and the same for the same seed.

    What a request meets depends on the seed, its address and how often that was asked for, and
    not on what other threads do meanwhile. The attribute ``inflicted`` says what happened.

    :param faults: names of the faults that may happen; all but ``enormous`` by default.
    :param rate: share of the requests that meet one, by default a tenth; may be changed at any
        time, 0 for none.
    :param most: how often at most one address meets a fault; without a limit by default.
    :param fault_seed: what decides who meets what, by default 1.
    :param signed_links: whether content links lead to another origin (a second server on
        loopback), and open files without the key, until they expire.
    :param stall_seconds: how long a stalled answer takes, by default 120 seconds.
    :param options: those of :class:`Sandbox`.
    :raises ValueError: if a fault is unknown.
    """

    def __init__(
        self,
        *,
        faults: Iterable[str] | None = None,
        rate: float = 0.1,
        most: float = float("inf"),
        fault_seed: int = 1,
        signed_links: bool = False,
        stall_seconds: float = 120.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        names = list(FAULTS.keys() - {"enormous"} if faults is None else faults)
        if unknown := [name for name in names if name not in FAULTS]:
            raise ValueError(f"Unknown faults {unknown}: there are {', '.join(FAULTS)}.")
        self.rate = rate
        #: Name of the fault, and path with query of the request that met it.
        self.inflicted: deque[tuple[str, str]] = deque(maxlen=100_000)
        #: What reached the other origin.
        self.requests_elsewhere: deque[Request] = deque(maxlen=100_000)
        self.other_origin = ""
        self._kinds = [FAULTS[name] for name in sorted(names)]
        self._most = most
        self._fault_seed = fault_seed
        self._signed = signed_links
        self._stall_seconds = stall_seconds
        self._ended = threading.Event()
        self._asked: Counter[str] = Counter()
        self._forced: dict[str, list[str]] = {}
        self._signings: Counter[str] = Counter()
        self._deciding = threading.RLock()

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve the API, and the other origin, for as long as the context lasts.

        :param port: TCP port; a free one by default.
        :return: the base URL, for the connection's host.
        """
        self._ended.clear()
        with serving(self._answer_elsewhere) as self.other_origin, super().serve(port) as base_url:
            try:
                yield base_url
            finally:
                self._ended.set()

    def answer(self, request: Request) -> Answer:
        """Answer a request, or have it meet a fault.

        :param request: what a client asked for.
        :return: what it gets.
        """
        answer = super().answer(request)
        depth = request.path.removeprefix(PATH).strip("/").count("/")
        place: Place = "content" if depth else "report"
        if not request.path.removeprefix(PATH).strip("/"):
            place = "listing"
        return self._meet(place, request, answer)

    # What faults do

    def stall(self) -> None:
        """Have somebody wait."""
        self._ended.wait(self._stall_seconds)

    def repeat(self, request: Request, name: str, times: int) -> None:
        """Have an address meet a fault as often again."""
        with self._deciding:
            if request.target not in self._forced:
                self._forced[request.target] = [name] * times

    def misbehave_at(self, target: str, name: str) -> None:
        """Have an address meet a fault whenever it is asked for first."""
        with self._deciding:
            self._forced[target] = [name]

    def file(self, request: Request) -> bytes:
        """Return the file that a request asks for."""
        report_id, _, number = request.path.removeprefix(PATH).strip("/").partition("/")
        return self.part(report_id, int(number))

    def publish_one(self, chance: random.Random) -> None:
        """Publish a report that was not there."""
        some = next(iter(self._reports.values()))
        self.publish(replace(some, seed=chance.randrange(10**9), edition=0))

    def exchange(self, report_id: str) -> None:
        """Have a report be exchanged for its next edition."""
        report = self._reports.get(report_id)
        if report is not None:
            self.publish(replace(report, edition=report.edition + 1))

    def expire(self, report_id: str) -> None:
        """Have all links to a report's files expire."""
        self._signings[report_id] += 1

    def signed_link(self, report_id: str, number: int) -> str:
        """Return a link that opens a file by itself."""
        path = f"{self.other_origin}{PATH}/{report_id}/{number}"
        return f"{path}?X-Signature={SIGNATURE}-{self._signings[report_id]}"

    def _describe(self, report: MadeUpReport) -> dict[str, Any]:
        described = super()._describe(report)
        if self._signed:
            described["contents"] = [
                self.signed_link(report.report_id, number)
                for number in range(1, report.part_count + 1)
            ]
        return described

    def _answer_elsewhere(self, request: Request) -> Answer:
        self.requests_elsewhere.append(request)
        report_id, _, number = request.path.removeprefix(PATH).strip("/").partition("/")
        report = self._reports.get(report_id)
        signature = f"{SIGNATURE}-{self._signings[report_id]}"
        if request.query.get("X-Signature") != signature or report_id in self._withdrawn:
            return Answer(403, {"message": "Request has expired."})
        if report is None or not number.isdigit() or not 1 <= int(number) <= report.part_count:
            return Answer(404, {"message": "There is no such file."})
        answer = content_of(report.part(int(number)), request.headers)
        return self._meet("content", request, answer)

    def _meet(self, place: Place, request: Request, answer: Answer) -> Answer:
        if answer.status not in (200, 206):
            return answer
        # A file stays the same when it is signed anew.
        address = request.path if place == "content" else request.target
        with self._deciding:
            self._asked[address] += 1
            times = self._asked[address]
            if times > self._most:
                return answer
            chance = random.Random(f"{self._fault_seed}/{address}/{times}")
            fault = self._fault(place, request, chance)
            if fault is None:
                return answer
            self.inflicted.append((fault.name, request.target))
            return fault.inflict(Incident(self, place, request, answer, chance))

    def _fault(self, place: Place, request: Request, chance: random.Random) -> Fault | None:
        if not self.rate:
            return None
        if forced := self._forced.get(request.target):
            return FAULTS[forced.pop()]
        possible = [fault for fault in self._kinds if place in fault.places]
        return chance.choice(possible) if possible and chance.random() < self.rate else None
