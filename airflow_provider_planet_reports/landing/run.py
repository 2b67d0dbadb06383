"""Landing many reports: several parts at a time, every report whole or not at all."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any
from urllib.parse import urljoin

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.download import Sink, download
from airflow_provider_planet_reports.client.errors import (
    Gone,
    InvalidAPIKey,
    InvalidResponse,
    NoPermission,
    NotFound,
)
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.addresses import check_link
from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing.errors import DestinationError, RowCountMismatch
from airflow_provider_planet_reports.landing.outcome import Outcome, Progress
from airflow_provider_planet_reports.landing.zone import LandingZone, ReportLanding

log = logging.getLogger(__name__)

#: How a content link that has expired is refused.
_EXPIRED = (InvalidAPIKey, NoPermission, NotFound, Gone)
#: A destination that fails this often in a row is broken, and not worth more downloads.
_DESTINATION_FAILURES = 3
#: How often a report may be exchanged for another one while it is being landed.
_EXCHANGES = 3
#: After so many reports whose rows differ though they are what they were, the server counts
#: otherwise.
_COUNTED_OTHERWISE = 3


class RunStopped(PlanetReportsError):
    """The run was told to stop before it was through."""


class _Stopped(Exception):
    """The run ends; what is under way is abandoned."""


class _Job:
    """A report on its way, shared by the workers that land its parts.

    :param report: the report.
    :param landing: where it goes.
    """

    def __init__(self, report: Report, landing: ReportLanding) -> None:
        self.report = report
        self.landing = landing
        self.lock = threading.Lock()
        self.parts_left = len(report.contents)
        #: The report as it is now, where that is not what the landing was begun with.
        self.changed: Report | None = None
        self.error: PlanetReportsError | None = None


class LandingRun:
    """Lands reports, one after the other begun, several parts at a time.

    :param api: where they come from.
    :param zone: where they go.
    :param max_workers: parts under way at a time.
    :param row_count_check: what to do when a report has another number of rows than its
        description says: ``ignore``, ``warn``, or ``fail`` (it is not landed).
    :param landed_by: the task instance, for the receipts.
    :param on_progress: is told now and then how far the run is, and at the end; logs it by default.
    :param seconds_between: how often that is.
    """

    def __init__(
        self,
        api: ReportsAPI,
        zone: LandingZone,
        *,
        max_workers: int = 4,
        row_count_check: str = "warn",
        landed_by: Mapping[str, Any] | None = None,
        on_progress: Callable[[Progress], None] = log.info,
        seconds_between: float = 5.0,
    ) -> None:
        self._api = api
        self._zone = zone
        self._max_workers = max_workers
        self._row_count_check = row_count_check
        self._landed_by = landed_by or {}
        self._on_progress = on_progress
        self._seconds_between = seconds_between
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._asked: deque[Report] = deque()
        self._ready: deque[tuple[_Job, int]] = deque()
        #: Reports whose parts are being found out; guards both queues.
        self._opening = 0
        self._turn = threading.Condition()
        self._counted_otherwise = 0
        self._outcome = Outcome()
        self._begun: set[ReportLanding] = set()
        self._fatal: PlanetReportsError | None = None
        self._destination_failures = 0
        self._bytes = 0

    def land_missing(self, asked: Iterable[Report], *, overwrite: bool = False) -> Outcome:
        """Land those reports that are not landed yet, as :meth:`run` does.

        :param asked: reports; of those with the same id the last counts.
        :param overwrite: whether to land all of them.
        """
        reports = {report.report_id: report for report in asked}
        landed = self._zone.landed()
        before = (
            {} if overwrite else self._zone.receipts(each for each in reports if each in landed)
        )
        missing = [report for report in reports.values() if report.report_id not in before]
        log.info("%d reports asked for, %d to land.", len(reports), len(missing))
        outcome = self.run(missing)
        self._zone.remember(outcome.landed)
        known = {**before, **outcome.landed}
        outcome.receipts = {each: known[each] for each in reports if each in known}
        return outcome

    def run(self, reports: Iterable[Report]) -> Outcome:
        """Land reports; one that can't be landed does not stop the others.

        :param reports: what to land.
        :raises InvalidAPIKey: if the key itself is refused.
        :raises DestinationError: if the destination fails again and again.
        :raises RunStopped: if it was told to stop.
        """
        self._asked.extend(reports)
        asked = len(self._asked)
        clock = time.monotonic()
        try:
            with ThreadPoolExecutor(self._max_workers, thread_name_prefix="landing") as workers:
                try:
                    running = {workers.submit(self._work) for _ in range(self._max_workers)}
                    while running:
                        done, running = wait(running, self._seconds_between, FIRST_EXCEPTION)
                        for worker in done:
                            worker.result()
                        if running and not done:
                            self._on_progress(self._progress(asked, clock))
                except BaseException:
                    self._api.session.cancel()  # whatever ends the task ends the workers
                    raise
                finally:
                    self._stop.set()
        finally:
            for landing in self._begun:
                landing.abandon()
        if self._fatal is not None:
            raise self._fatal
        self._on_progress(self._progress(asked, clock))
        return self._outcome

    def stop(self) -> None:
        """Have the run abandon what is under way and end, whatever it waits for.

        For another thread; not for a signal handler, which may have interrupted the holder of a
        lock that is taken here.
        """
        self._end(RunStopped("The task was told to stop; what was under way is abandoned."))

    def _work(self) -> None:
        """Land parts until none is left; whoever lands a report's last part finishes it."""
        try:
            while step := self._next_part():
                job, number = step
                try:
                    self._land_part(job, number)
                except PlanetReportsError as error:
                    job.error = job.error or error
                with job.lock:
                    job.parts_left -= 1
                    last = job.parts_left == 0
                if last:
                    self._finish(job)
        except _Stopped:
            return
        except BaseException:
            self._stop.set()
            raise

    def _next_part(self) -> tuple[_Job, int] | None:
        """Return a part to land; wait while it may turn out that there is one more."""
        while not self._stop.is_set():
            with self._turn:
                if self._ready:
                    return self._ready.popleft()
                if not self._asked:
                    if not self._opening:
                        return None
                    self._turn.wait()
                    continue
                report = self._asked.popleft()
                self._opening += 1
            parts: list[tuple[_Job, int]] = []
            try:
                parts = self._open(report)
            finally:
                with self._turn:
                    self._opening -= 1
                    self._ready.extend(parts)
                    self._turn.notify_all()
        return None

    def _open(self, report: Report) -> list[tuple[_Job, int]]:
        """Begin to land a report; return its parts."""
        try:
            if not report.contents:  # they may be secret, and are not always handed on
                report = self._fresh(report)
            landing = self._begin(report)
        except PlanetReportsError as error:
            self._fail(report, error)
            return []
        job = _Job(report, landing)
        return [(job, number) for number in range(1, job.parts_left + 1)]

    def _begin(self, report: Report) -> ReportLanding:
        if not report.contents:
            raise InvalidResponse(f"Report {report.report_id!r} has no content links.")
        landing = self._zone.land(report)
        self._begun.add(landing)
        return landing

    def _land_part(self, job: _Job, number: int) -> None:
        if job.error or job.changed:
            return
        link = job.report.contents[number - 1]
        part = job.landing.part(number)
        try:
            self._download(link, part)
        except _EXPIRED as refusal:
            fresh = self._refreshed(job, number, link)
            if fresh is None:
                return
            if fresh == link:
                raise
            log.info("Report %s: its links had expired (%d).", job.report.report_id, refusal.status)
            part.restart()
            self._download(fresh, part)
        job.landing.complete(number)

    def _refreshed(self, job: _Job, number: int, link: str) -> str | None:
        """Return a part's fresh link, or None where the report is not what it was.

        The first worker that needs fresh links asks for those of all parts.
        """
        with job.lock:
            if job.changed is None and job.report.contents[number - 1] == link:
                fresh = self._fresh(job.report)
                if fresh.same_content(job.report):
                    job.report = fresh
                else:
                    job.changed = fresh
            return None if job.changed else job.report.contents[number - 1]

    def _fresh(self, report: Report) -> Report:
        """Return a report as it is now; if the key itself is refused, the run ends."""
        try:
            return self._api.refresh(report)
        except InvalidAPIKey as error:
            self._end(error)
            raise

    def _download(self, link: str, sink: Sink) -> None:
        base = self._api.session.base_url
        address = check_link(urljoin(base, link), came_from=base)
        download(self._api.session, address, _Metered(sink, self._count))

    def _count(self, size: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        with self._lock:
            self._bytes += size

    def _finish(self, job: _Job) -> None:
        try:
            if job.error:
                raise job.error
            self._settle(job)
            self._check_rows(job)
            receipt = job.landing.finish(self._landed_by)
        except PlanetReportsError as error:
            self._fail(job.report, error)
        else:
            self._destination_failures = 0
            self._outcome.landed[job.report.report_id] = receipt
        finally:
            job.landing.abandon()
            self._begun.discard(job.landing)

    def _settle(self, job: _Job) -> None:
        """Land a report over again for as long as it turns out to be another than was listed."""
        exchanges = 0
        while changed := job.changed or self._recounted(job):
            if exchanges == _EXCHANGES:
                raise InvalidResponse(
                    f"Report {job.report.report_id!r} changes again and again while it is "
                    "downloaded."
                )
            exchanges += 1
            self._start_over(job, changed)

    def _start_over(self, job: _Job, report: Report) -> None:
        job.landing.abandon()
        self._begun.discard(job.landing)
        job.report, job.landing, job.changed = report, self._begin(report), None
        for number in range(1, len(report.contents) + 1):
            self._land_part(job, number)

    def _recounted(self, job: _Job) -> Report | None:
        """Return a report as it is now, where it was exchanged since it was listed.

        Its rows tell. Where they differ though nothing was exchanged, the server counts
        otherwise, and is soon not asked about further reports.
        """
        if not self._rows_differ(job) or self._counted_otherwise >= _COUNTED_OTHERWISE:
            return None
        fresh = self._fresh(job.report)
        if not fresh.same_content(job.report):
            return fresh
        self._counted_otherwise += 1
        return None

    def _rows_differ(self, job: _Job) -> bool:
        expected, counted = job.report.num_rows, job.landing.rows
        return None not in (expected, counted) and expected != counted

    def _check_rows(self, job: _Job) -> None:
        if self._row_count_check == "ignore" or not self._rows_differ(job):
            return
        what = (
            f"Report {job.report.report_id!r} has {job.landing.rows} rows, but its description "
            f"says num_rows={job.report.num_rows}."
        )
        if self._row_count_check == "fail":
            raise RowCountMismatch(
                f"{what} It is not landed; row_count_check='warn' would land it all the same."
            )
        log.warning(what)

    def _fail(self, report: Report, error: PlanetReportsError) -> None:
        if self._stop.is_set():  # it fails of that
            return
        log.error("Report %s could not be landed: %s", report.report_id, error)
        self._outcome.failures[report.report_id] = error
        if isinstance(error, DestinationError):
            self._destination_failures += 1
            if self._destination_failures >= _DESTINATION_FAILURES:
                self._end(error)

    def _end(self, error: PlanetReportsError) -> None:
        self._fatal = self._fatal or error
        self._stop.set()
        self._api.session.cancel()  # who waits for another try need not

    def _progress(self, asked: int, clock: float) -> Progress:
        landed, failed = len(self._outcome.landed), len(self._outcome.failures)
        return Progress(asked, landed, failed, self._bytes, time.monotonic() - clock)


class _Metered:
    """A sink that reports what passes; the run may end it there."""

    def __init__(self, sink: Sink, count: Any) -> None:
        self._sink = sink
        self._count = count

    def write(self, data: bytes) -> None:
        self._count(len(data))
        self._sink.write(data)

    def restart(self) -> None:
        self._sink.restart()
