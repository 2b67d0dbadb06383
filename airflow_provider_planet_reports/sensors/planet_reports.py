"""Sensor that waits for Planet's usage reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_planet_reports.airflow_side.listing import matching_reports
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.client.filters import Filters, filters_of
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.triggers.planet_reports import (
    PlanetReportsTrigger,
    as_text,
    check_min_reports,
)
from airflow_provider_planet_reports.triggers.polling import check_interval

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath


class PlanetReportsSensor(BaseSensorOperator):
    """Wait until enough reports match, or until enough are there that are not landed yet.

    Planet promises no hour for a day's reports. Returns, in poke, reschedule and deferrable mode
    alike, the API's own report objects, to be landed by
    :class:`~airflow_provider_planet_reports.transfers.planet_reports_to_object_storage.\
PlanetReportsToObjectStorageOperator` (``reports=sensor.output``).

    Trouble that may pass (429, 5xx, broken connections, a destination that can't be read) is
    logged and outlasted until ``timeout``; a refusal (400, 401, 403, 404) ends the wait at once.

    :param org_id: organization; by default the connection's, else the key's own. (templated)
    :param plan_id: plan. (templated)
    :param report_type: ``detailed`` or ``summary``. (templated)
    :param cadence: ``daily`` or ``monthly``. (templated)
    :param start: first day, inclusive: a date or ``YYYY-MM-DD``. (templated)
    :param end: last day, inclusive: a date or ``YYYY-MM-DD``. (templated)
    :param page_size: reports per page; by default as large as the server allows. (templated)
    :param query: further query parameters by name. (templated)
    :param path: another listing of the same shape, relative to the base URL. (templated)
    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``. (templated)
    :param destination: landing zone, as ``ObjectStoragePath`` or URL; reports landed there do
        not count. (templated)
    :param destination_conn_id: connection for the destination, where its URL names none.
        (templated)
    :param min_reports: how many are enough, by default 1.
    :param deferrable: whether to wait in the triggerer, by default as Airflow's setting
        ``[operators] default_deferrable`` says.
    :param poke_interval: seconds between two looks, by default Airflow's 60; more than 0.
    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises AirflowSensorTimeout: when ``timeout`` (seconds, by default as Airflow's setting
        ``[sensors] default_timeout`` says) is over.
    """

    template_fields: Sequence[str] = (
        *Filters.names(),
        "planet_reports_conn_id",
        "destination",
        "destination_conn_id",
    )
    ui_color = "#d7eef5"

    def __init__(
        self,
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
        planet_reports_conn_id: str = PlanetReportsHook.default_conn_name,
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        min_reports: int = 1,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        interval = kwargs.get("poke_interval", 60)
        check_interval(
            "poke_interval",
            interval.total_seconds() if isinstance(interval, dt.timedelta) else interval,
        )
        check_min_reports(min_reports)
        super().__init__(**kwargs)
        self.org_id = org_id
        self.plan_id = plan_id
        self.report_type = report_type
        self.cadence = cadence
        self.start = start
        self.end = end
        self.page_size = page_size
        self.query = query
        self.path = path
        self.planet_reports_conn_id = planet_reports_conn_id
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.min_reports = min_reports
        self.deferrable = deferrable

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once; where that is to be, leave further looks to the triggerer.

        :param context: Airflow's context.
        :return: whether enough reports are there, and those reports.
        """
        try:
            reports = matching_reports(
                self.planet_reports_conn_id,
                filters_of(self),
                self.destination,
                self.destination_conn_id,
            )
        except PlanetReportsTaskError as trouble:
            self.log.warning("Still waiting: %s", trouble)
        else:
            self.log.info("%d reports match, waiting for %d.", len(reports), self.min_reports)
            if len(reports) >= self.min_reports:
                return PokeReturnValue(True, [report.to_dict() for report in reports])
        if self.deferrable:
            self._leave_to_trigger()
        return PokeReturnValue(False)

    def _leave_to_trigger(self) -> None:
        destination, destination_conn_id = as_text(self.destination, self.destination_conn_id)
        self.defer(
            trigger=PlanetReportsTrigger(
                self.planet_reports_conn_id,
                **filters_of(self),
                destination=destination,
                destination_conn_id=destination_conn_id,
                min_reports=self.min_reports,
                poke_interval=self.poke_interval,
            ),
            method_name="execute_complete",
            timeout=dt.timedelta(seconds=self.timeout),
        )

    def execute_complete(
        self,
        context: Context,  # noqa: ARG002 - Airflow's signature
        event: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Go on after the trigger has fired: return the reports, or raise what it met.

        :param context: Airflow's context.
        :param event: what the trigger fired.
        :return: the API's own objects.
        :raises PlanetReportsTaskFailure: for a refusal, as without the triggerer.
        """
        event = event or {}
        if event.get("status") == "success":
            reports: list[dict[str, Any]] = event["reports"]
            return reports
        raise PlanetReportsTaskFailure(
            event.get("message") or f"The trigger fired an event that is not known here: {event}."
        )
