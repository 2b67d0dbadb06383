"""Downloading the parts of a report by its content links, which may expire."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from airflow_provider_planet_reports.client.download import Sink, download
from airflow_provider_planet_reports.client.errors import Refused
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.session import ReportsSession

log = logging.getLogger(__name__)


class ReportReplaced(Exception):
    """The report is another one than was listed.

    :param report: the report as it is now.
    """

    def __init__(self, report: Report) -> None:
        super().__init__("the report was replaced")
        self.report = report


class Contents:
    """The parts of a report. Their links are asked for again when they have expired.

    :param session: carries the requests.
    :param report: the report.
    :param refresh: returns a report as the API has it now.
    """

    def __init__(
        self, session: ReportsSession, report: Report, refresh: Callable[[Report], Report]
    ) -> None:
        self.report = report
        self._session = session
        self._refresh = refresh
        #: Held while links are asked for, so that the first thread that needs fresh ones gets
        #: those of all parts. ``refresh`` may take locks of its own meanwhile.
        self._lock = threading.Lock()

    def download(self, number: int, sink: Sink) -> None:
        """Download a part. For several threads at a time.

        :param number: 1 for the first.
        :param sink: takes the bytes.
        :raises ReportReplaced: if the link has expired, and the report is not what it was.
        :raises PlanetReportsError: as :func:`.download` does.
        """
        link = self.report.contents[number - 1]
        try:
            download(self._session, link, sink)
        except Refused as refusal:  # a signed link that has expired answers with any of these
            fresh = self._fresh_link(number, link)
            if fresh == link:
                raise
            log.info(
                "Report %s: its links had expired (%d).", self.report.report_id, refusal.status
            )
            sink.restart()
            download(self._session, fresh, sink)

    def check(self) -> None:
        """Ask for the report again.

        :raises ReportReplaced: if it is not what it was.
        """
        fresh = self._refresh(self.report)
        if not fresh.same_content(self.report):
            raise ReportReplaced(fresh)
        self.report = fresh

    def _fresh_link(self, number: int, link: str) -> str:
        with self._lock:
            if self.report.contents[number - 1] == link:
                self.check()
            return self.report.contents[number - 1]
