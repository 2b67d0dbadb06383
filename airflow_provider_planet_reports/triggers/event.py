"""The trigger behind an asset watcher: an event while reports are not landed."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.airflow_side.landing_options import report_ids
from airflow_provider_planet_reports.airflow_side.listing import matching_reports
from airflow_provider_planet_reports.airflow_side.parameters import check_seconds
from airflow_provider_planet_reports.airflow_side.polling import PollBackoff, in_thread
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.landing.destination import place_of
from airflow_provider_planet_reports.landing.layout import ReportKey

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError:
    raise ImportError(
        "PlanetReportsEventTrigger needs Airflow 3.0 or later, which can start DAGs on events. "
        "On Airflow 2, schedule the DAG and wait in it with PlanetReportsSensor."
    ) from None

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath
    from typing_extensions import Unpack

    from airflow_provider_planet_reports.airflow_side.parameters import FilterParameters
    from airflow_provider_planet_reports.client.report import Report

#: Days watched where no ``start`` is given: monthly reports, come a month late, are among them.
DAYS_WATCHED = 62
#: Reports described in one event: Airflow keeps events, and shows them.
MOST_PER_EVENT = 100
#: The first poll is at most this late: a watcher may have a long interval.
_LONGEST_START = 10.0


class PlanetReportsEventTrigger(BaseEventTrigger):
    """Tell an ``AssetWatcher`` that there are reports to land (Airflow 3.0 and later).

    An event while something is not landed: at once for each new report, and again every
    ``remind_after`` seconds for reports that are still not landed, for example because the run that
    was started failed. The landing zone is the only memory, so a late or back-dated report counts
    as new, and a restarted triggerer at worst repeats an event.

    The event is ``{"not_landed": 250, "reports": [...]}``: how many reports are not landed, and the
    API's own objects of at most 100 of those that the event is about, without their content links.
    Treat it as a notification only: several events may start one DAG run, so let the DAG land
    whatever is not landed.

    The trigger never ends. Errors and refusals are logged once and retried with increasing delay.

    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``.
    :param destination: landing zone that decides what is landed.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param except_reports: ids of reports that are known to be beyond help: there is no event for
        them; by default none.
    :param poll_interval: seconds between two polls, by default 300.
    :param remind_after: seconds until there is another event for a report that is still not
        landed, by default 21600 (six hours).
    :param filters: the filters of the operators, by name. Without ``start``, the last 62 days are
        watched.
    :raises PlanetReportsTaskFailure: if a parameter cannot be right.
    """

    def __init__(
        self,
        planet_reports_conn_id: str = "planet_reports_default",
        *,
        destination: str | ObjectStoragePath,
        destination_conn_id: str | None = None,
        except_reports: Iterable[str] | str = (),
        poll_interval: float = 300.0,
        remind_after: float = 21600.0,
        **filters: Unpack[FilterParameters],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        with task_errors():
            check_seconds("poll_interval", poll_interval)
            check_seconds("remind_after", remind_after)
            self.filters = Filters(**filters).to_kwargs()
            place = place_of(destination, destination_conn_id)
            self.except_reports = report_ids("except_reports", except_reports)
        self.destination, self.destination_conn_id = place.url, place.conn_id
        self.planet_reports_conn_id = planet_reports_conn_id
        self.poll_interval = poll_interval
        self.remind_after = remind_after

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and keyword arguments: plain JSON, in one order, without a secret."""
        return (
            "airflow_provider_planet_reports.triggers.planet_reports.PlanetReportsEventTrigger",
            {
                "planet_reports_conn_id": self.planet_reports_conn_id,
                **self.filters,
                "destination": self.destination,
                "destination_conn_id": self.destination_conn_id,
                "except_reports": sorted(self.except_reports),
                "poll_interval": self.poll_interval,
                "remind_after": self.remind_after,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for ever.

        :return: events, without an end.
        """
        backoff = PollBackoff(self.poll_interval)
        pause = PollBackoff(min(self.poll_interval, _LONGEST_START)).before_first()
        #: When there was an event for a report that is still not landed.
        told: dict[ReportKey, float] = {}
        while True:
            await asyncio.sleep(pause)
            try:
                missing = await in_thread(self.planet_reports_conn_id, self._not_landed)
            except Exception as error:  # Airflow restarts a watcher that ends about once a second
                pause = backoff.after_failure(error)
                self._log_failure(error, backoff.failures, pause)
                continue
            if backoff.failures:
                self.log.info("Looking for new reports works again.")
            pause = backoff.after_success()
            now = time.monotonic()
            told = {key: when for key, when in told.items() if key in missing}
            due = [key for key in missing if now - told.get(key, -float("inf")) > self.remind_after]
            if due:
                told |= dict.fromkeys(due, now)
                self.log.info("%d reports are not landed, %d to tell.", len(missing), len(due))
                reports = [_described(missing[key]) for key in due[:MOST_PER_EVENT]]
                yield TriggerEvent({"not_landed": len(missing), "reports": reports})

    def _not_landed(self) -> dict[ReportKey, Report]:
        """List the reports that are not landed. Called in a thread."""
        first_day = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=DAYS_WATCHED)
        reports = matching_reports(
            self.planet_reports_conn_id,
            {"start": first_day.isoformat(), **self.filters},
            self.destination,
            self.destination_conn_id,
            max_retries=0,  # the pauses between polls are the retries: they hold no thread
        )
        return {
            ReportKey.of(report): report
            for report in reports
            if report.report_id not in self.except_reports
        }

    def _log_failure(self, error: Exception, failures: int, pause: float) -> None:
        """Log the first of several failures in a row; the others at DEBUG."""
        log = self.log.error if isinstance(error, PlanetReportsTaskFailure) else self.log.warning
        if failures > 1:
            log = self.log.debug
        log("Looking for new reports failed; trying again in %.0f s: %s", pause, error)


def _described(report: Report) -> dict[str, Any]:
    return {name: value for name, value in report.to_dict().items() if name != "contents"}
