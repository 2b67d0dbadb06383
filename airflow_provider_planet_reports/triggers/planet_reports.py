"""Triggers that wait for Planet's usage reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_planet_reports.airflow_side.listing import matching_reports
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.client.filters import Filters, filters_of
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.triggers.polling import Pauses, check_interval, in_thread

if TYPE_CHECKING:
    import datetime as dt

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.triggers.event import PlanetReportsEventTrigger

__all__ = ["PlanetReportsEventTrigger", "PlanetReportsTrigger"]


class PlanetReportsTrigger(BaseTrigger):
    """Wait until enough reports match: what ``PlanetReportsSensor`` defers to.

    Fires one event: ``{"status": "success", "reports": [...]}`` with the API's own objects, or
    ``{"status": "refused", "message": ...}`` when the API refuses (400, 401, 403, 404) or the
    input can't be right, since waiting would not help. Trouble that may pass (429, 5xx, broken
    connections, a destination that can't be read) is logged and outlasted, with pauses that
    grow. Polls of many triggers that start together spread over their interval.

    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``.
    :param org_id: organization; by default the connection's, else the key's own.
    :param plan_id: plan.
    :param report_type: ``detailed`` or ``summary``.
    :param cadence: ``daily`` or ``monthly``.
    :param start: first day, inclusive: a date or ``YYYY-MM-DD``.
    :param end: last day, inclusive: a date or ``YYYY-MM-DD``.
    :param page_size: reports per page; by default as large as the server allows.
    :param query: further query parameters by name.
    :param path: another listing of the same shape, relative to the base URL.
    :param destination: landing zone; reports landed there do not count.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param min_reports: how many are enough, by default 1.
    :param poke_interval: seconds between two polls, by default 60.
    :raises PlanetReportsTaskFailure: for parameters that can't be right.
    """

    def __init__(
        self,
        planet_reports_conn_id: str = PlanetReportsHook.default_conn_name,
        *,
        org_id: str | int | None = None,
        plan_id: str | int | None = None,
        report_type: str | None = None,
        cadence: str | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
        page_size: int | str | None = None,
        query: Mapping[str, Any] | None = None,
        path: str | None = None,
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        min_reports: int = 1,
        poke_interval: float = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.planet_reports_conn_id = planet_reports_conn_id
        self.org_id = org_id
        self.plan_id = plan_id
        self.report_type = report_type
        self.cadence = cadence
        self.start = start
        self.end = end
        self.page_size = page_size
        self.query = query
        self.path = path
        with task_errors():
            self.filters = Filters(**filters_of(self)).to_kwargs()
        self.destination, self.destination_conn_id = as_text(destination, destination_conn_id)
        check_min_reports(min_reports)
        self.min_reports = min_reports
        check_interval("poke_interval", poke_interval)
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and keyword arguments: plain JSON, without any secret."""
        return (
            "airflow_provider_planet_reports.triggers.planet_reports.PlanetReportsTrigger",
            {
                "planet_reports_conn_id": self.planet_reports_conn_id,
                **self.filters,
                "destination": self.destination,
                "destination_conn_id": self.destination_conn_id,
                "min_reports": self.min_reports,
                "poke_interval": self.poke_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there are enough reports, or until the API refuses.

        :return: the one event.
        """
        pauses = Pauses(self.poke_interval)
        pause = pauses.before_first()  # the sensor has just looked
        while True:
            await asyncio.sleep(pause)
            try:
                reports = await in_thread(
                    matching_reports,
                    self.planet_reports_conn_id,
                    self.filters,
                    self.destination,
                    self.destination_conn_id,
                    max_retries=0,  # the pauses between polls do that, without holding a thread
                )
            except PlanetReportsTaskFailure as refusal:
                yield TriggerEvent({"status": "refused", "message": str(refusal)})
                return
            except PlanetReportsTaskError as trouble:
                pause = pauses.after_failure(trouble)
                self.log.warning("Still waiting; looking again in %.0f s: %s", pause, trouble)
                continue
            if len(reports) >= self.min_reports:
                found = [report.to_dict() for report in reports]
                yield TriggerEvent({"status": "success", "reports": found})
                return
            self.log.info("%d reports match, waiting for %d.", len(reports), self.min_reports)
            pause = pauses.after_success()


def as_text(
    destination: str | ObjectStoragePath | None, conn_id: str | None
) -> tuple[str | None, str | None]:
    """Return a destination and its connection as JSON can hold them.

    :param destination: landing zone, if there is one.
    :param conn_id: connection that is named beside it.
    :raises PlanetReportsTaskFailure: if it is no destination.
    """
    if not destination:
        return None, conn_id
    from airflow_provider_planet_reports.landing.destination import address

    with task_errors():
        return address(destination, conn_id)


def check_min_reports(value: object) -> None:
    """Refuse a number of reports to wait for that is none.

    :param value: what was given.
    :raises PlanetReportsTaskFailure: naming it.
    """
    if type(value) is not int or value < 1:
        raise PlanetReportsTaskFailure(
            f"min_reports={value!r} is not allowed: it must be a whole number from 1."
        )


def __getattr__(name: str) -> Any:
    """Import the event trigger when it is asked for: Airflow 2 has none, but may have the rest."""
    if name == "PlanetReportsEventTrigger":
        from airflow_provider_planet_reports.triggers.event import PlanetReportsEventTrigger

        return PlanetReportsEventTrigger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
