"""Landing many reports, several at a time, each whole or not at all.

Each report is landed by one thread from beginning to end. It downloads a single part itself; of
several, it submits each to a second pool and waits for their futures. Then it commits. A part has a
download slot only while it is downloaded: while its file and its report's receipt are put, others
use the slot.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.contents import Contents, ReportReplaced
from airflow_provider_planet_reports.client.errors import InvalidAPIKey, InvalidResponse
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing import errors
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.part import PartFile
from airflow_provider_planet_reports.landing.progress import Outcome
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.report_landing import ReportLanding
from airflow_provider_planet_reports.landing.side_by_side import wait_for
from airflow_provider_planet_reports.landing.zone import LandingZone

log = logging.getLogger(__name__)

#: Reports, and parts, that are under way for each that may be downloaded at a time: a store takes
#: longer to put a small file and its receipt than Planet takes to send it.
_THREADS_PER_DOWNLOAD = 3
#: How often a report may be replaced by a later edition while it is being landed.
_EDITIONS = 3
#: How often a part is downloaded whose content is damaged.
_CONTENT_TRIES = 3
#: How many reports of a run, with other rows than announced, are asked for again: it may be that
#: the server counts otherwise.
_ROW_QUESTIONS = 16
#: Airflow kills a process five seconds after it has told it to end.
_SECONDS_TO_CLEAN_UP = 1.5


@dataclass(eq=False, repr=False)
class LandingRun:
    """Lands reports, several parts at a time. For one call of :meth:`run`.

    :param api: where they come from.
    :param zone: where they go.
    :param max_workers: parts downloaded at a time, by default 16.
    :param overwrite: whether to land again what is landed.
    :param row_count_check: what to do when a report has another number of rows than its
        description says: ``ignore``, ``warn``, or ``fail`` (it is not landed).
    :param except_reports: ids of reports that are neither landed nor failed for.
    :param landed_by: the task instance, for the receipts; by default none.
    :param on_progress: is called now and then with how far the run is; logs it by default.
    :param seconds_between: how often that is.
    """

    api: ReportsAPI
    zone: LandingZone
    _: KW_ONLY
    max_workers: int = 16
    overwrite: bool = False
    row_count_check: str = "warn"
    except_reports: Collection[str] = ()
    landed_by: Mapping[str, Any] = field(default_factory=dict)
    on_progress: Callable[[Outcome], None] = log.info
    seconds_between: float = 30.0

    def __post_init__(self) -> None:
        """Begin with nothing landed."""
        self._at_a_time = self.max_workers * _THREADS_PER_DOWNLOAD
        self._reports = ThreadPoolExecutor(self._at_a_time, "landing-report")
        self._parts = ThreadPoolExecutor(self._at_a_time, "landing-part")
        self._download_slots = threading.Semaphore(self.max_workers)
        self._row_questions = threading.Semaphore(_ROW_QUESTIONS)
        #: What is in the reports' folders before any is landed.
        self._files: Mapping[ReportKey, list[str]] = {}
        #: Guards what follows; taken last, while no other lock is waited for.
        self._lock = threading.Lock()
        self._outcome = Outcome()
        #: Why the run has ended before its time; it ends once only.
        self._fatal: PlanetReportsError | None = None
        self._destination_failures = 0

    def run(self, asked: Iterable[Report]) -> Outcome:
        """Land those reports that are not landed yet; one that fails does not stop the others.

        :param asked: reports; of those with the same identity the last counts.
        :raises InvalidAPIKey: if the API key itself is refused.
        :raises DestinationError: if the destination refuses, or fails again and again.
        :raises RunCancelled: if the run was cancelled.
        """
        with self._parts, self._reports:  # the reports end first
            try:
                reports = self._wanted(asked)
                self._land_all(self._missing(reports), len(reports))
            except errors.Cancelled:
                pass  # of the store, when the run has ended
            except BaseException:
                self.cancel()  # whatever ends the task ends the threads
                raise
        if self._fatal is not None:
            raise self._fatal
        return self._outcome

    def fail_entry(self, error: PlanetReportsError) -> None:
        """Take note of an entry of the listing that is no report, as one that cannot be landed.

        :param error: what is wrong with it.
        """
        log.error("%s", error)
        self._outcome.failures.append(("entry of the listing", error))

    def cancel(self) -> None:
        """Abandon what is under way and end the run, whatever it waits for.

        For other threads. Not for a signal handler, which may have interrupted a lock's holder.
        """
        self._end(errors.RunCancelled("The run was cancelled; reports under way are not landed."))

    def _wanted(self, asked: Iterable[Report]) -> dict[ReportKey, Report]:
        reports = {ReportKey.of(report): report for report in asked}
        excepted = [key for key in reports if key.report_id in self.except_reports]
        if excepted:
            names = ", ".join(reports.pop(key).report_id for key in excepted)
            log.info("Excepted, so neither landed nor failed for: %s.", names)
        return reports

    def _missing(self, reports: Mapping[ReportKey, Report]) -> Mapping[ReportKey, Report]:
        """Return the reports to land. Of landed ones, take note of what an earlier try landed."""
        if self.overwrite:
            return reports
        landed = self.zone.landed(reports)
        is_retry = self.landed_by.get("try_number", 0) > 1
        to_read = [key for key, readable in landed.items() if is_retry or not readable]
        found = self.zone.receipts(to_read, on_unreadable=self._fail)
        self._outcome.earlier += [
            each for each in found if each.is_from_earlier_try(self.landed_by)
        ]
        self._outcome.before = len(landed)
        return {key: report for key, report in reports.items() if key not in landed}

    def _land_all(self, missing: Mapping[ReportKey, Report], asked: int) -> None:
        if not missing:
            log.info("Found %d matching reports; all are landed already.", asked)
            return
        log.info("Found %d matching reports, %d to land.", asked, len(missing))
        self._files = self.zone.files(missing)
        running = {self._reports.submit(self._land, *each) for each in missing.items()}
        while running:
            done, running = wait(running, self.seconds_between, FIRST_EXCEPTION)
            for report in done:
                report.result()
            self._outcome.left = len(running)
            if running and not self._fatal:
                self.on_progress(self._outcome)
        log.info("%s", self._outcome)

    def _land(self, key: ReportKey, report: Report) -> None:
        """Land one report. Called in the pool for reports."""
        if self._fatal:
            return
        try:
            receipt = self._land_edition(key, report, _EDITIONS)
        except PlanetReportsError as error:
            self._fail(key, error)
            return
        with self._lock:
            self._destination_failures = 0
            if receipt is not None:
                self._outcome.landed.append(receipt)
            else:  # another run has landed it meanwhile
                self._outcome.before += 1

    def _land_edition(
        self, listed: ReportKey, report: Report, editions_left: int
    ) -> Receipt | None:
        """Land a report, and begin again whenever it turns out to be a later edition."""
        if not report.contents:  # links may be secret, and are not always handed on
            report = self._fresh(report)
        if not report.contents and report.num_rows != 0:
            raise InvalidResponse(
                f"Report {report.report_id!r} has no content links, but num_rows="
                f"{report.num_rows}: it cannot be landed before Planet has its files."
            )
        key = ReportKey.of(report)
        landing = ReportLanding(self.zone.store, key, self._files.get(key, ()))
        try:
            may_be_landed = self.overwrite or key != listed
            if may_be_landed and not landing.begin(overwrite=self.overwrite):
                return None
            contents = Contents(self.api.session, report, self._fresh)
            parts = [landing.next_part(self._count) for _ in report.contents]
            land = partial(self._land_part, contents)
            if len(parts) == 1:  # to wait for another thread costs more than a small file
                land(1, parts[0])
            else:
                calls = [self._parts.submit(land, *each) for each in enumerate(parts, 1)]
                # One may fail only because the report was replaced, which another one noticed.
                wait_for(calls, most_telling=ReportReplaced)
            self._check_rows(contents, landing)
            return landing.finish(contents.report.redacted_dict(), self.landed_by)
        except ReportReplaced as replaced:
            later = replaced.report
        finally:
            landing.abandon()
        if not editions_left:
            raise InvalidResponse(
                f"Try again later: report {report.report_id!r} changes again and again while it is "
                "downloaded."
            )
        return self._land_edition(listed, later, editions_left - 1)

    def _land_part(self, contents: Contents, number: int, part: PartFile) -> None:
        """Download a part into its file. Called in the pool for parts, or in that for reports."""
        try:
            for tries_left in reversed(range(_CONTENT_TRIES)):
                try:
                    with self._download_slots:
                        contents.download(number, part)
                    part.commit()
                    return
                except errors.DamagedContent as damage:
                    if not tries_left:
                        where = f"Part {number} of report {contents.report.report_id!r}"
                        raise errors.DamagedContent(f"{where}: {damage}") from None
                    part.restart()
        finally:
            part.abandon()  # at once: other parts of its report may wait for what it holds

    def _fresh(self, report: Report) -> Report:
        """Return a report as it is now; if the API key itself is refused, the run ends."""
        try:
            return self.api.refresh(report)
        except InvalidAPIKey as error:
            self._end(error)
            raise

    def _count(self, size: int) -> None:
        """Take note of bytes that were downloaded. Called as :meth:`_land_part` is."""
        if self._fatal:
            raise errors.RunCancelled("The run has ended.")
        with self._lock:
            self._outcome.bytes += size

    def _check_rows(self, contents: Contents, landing: ReportLanding) -> None:
        """Compare a report's rows with its description.

        :raises ReportReplaced: if they differ because the report was replaced since it was listed.
        :raises RowCountMismatch: if they differ, and that is a failure.
        """
        expected, counted = contents.report.num_rows, landing.rows
        if None in (expected, counted) or expected == counted:
            return
        if self._row_questions.acquire(blocking=False):
            contents.check()
        what = f"Report {contents.report.report_id!r} has {counted} rows, but num_rows={expected}"
        if self.row_count_check == "fail":
            raise errors.RowCountMismatch(f"{what}. row_count_check='warn' would land it.")
        if self.row_count_check == "warn":
            log.warning("%s; it is landed all the same.", what)

    def _fail(self, key: ReportKey, error: PlanetReportsError) -> None:
        if self._fatal:  # it fails because of that
            return
        log.error("Report %s could not be landed: %s", key.report_id, error)
        of_store = isinstance(error, errors.DestinationError)
        with self._lock:
            self._outcome.failures.append((key.report_id, error))
            self._destination_failures += of_store
            # All that are under way at a time: the destination is not worth more downloads.
            broken = self._destination_failures >= self._at_a_time
        if of_store and (broken or error.final):
            self._end(error)

    def _end(self, error: PlanetReportsError) -> None:
        with self._lock:
            if self._fatal:
                return
            self._fatal = error
        # Threads that end have so long to delete what they leave behind.
        cancel_store = threading.Timer(_SECONDS_TO_CLEAN_UP, self.zone.store.cancel)
        cancel_store.daemon = True
        cancel_store.start()
        self.api.session.cancel()
