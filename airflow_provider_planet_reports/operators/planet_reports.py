"""Operator that lists Planet's usage reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_planet_reports.airflow_side.listing import matching_reports
from airflow_provider_planet_reports.client.filters import Filters, filters_of
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook

if TYPE_CHECKING:
    import datetime as dt

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath


class PlanetReportsListOperator(BaseOperator):
    """List usage reports, all that match or only those that are not landed yet.

    Returns a list of the API's own report objects, as plain dicts, to be landed by
    :class:`~airflow_provider_planet_reports.transfers.planet_reports_to_object_storage.\
PlanetReportsToObjectStorageOperator` in one task (``reports=listing.output``) or in one
    mapped task each (``.expand(reports=listing.output)``).

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
    :param destination: landing zone, as ``ObjectStoragePath`` or URL; reports landed there are
        left out. (templated)
    :param destination_conn_id: connection for the destination, where its URL names none.
        (templated)
    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises PlanetReportsTaskError: for trouble that outlasted all tries.
    """

    template_fields: Sequence[str] = (
        *Filters.names(),
        "planet_reports_conn_id",
        "destination",
        "destination_conn_id",
    )
    ui_color = "#e3f4f1"

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
        **kwargs: Any,
    ) -> None:
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

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        """List what matches.

        :param context: Airflow's context.
        :return: the API's own objects, without content links that would open files by themselves.
        """
        reports = matching_reports(
            self.planet_reports_conn_id,
            filters_of(self),
            self.destination,
            self.destination_conn_id,
        )
        self.log.info(
            "%d reports match%s.", len(reports), " and are not landed" if self.destination else ""
        )
        return [report.to_dict() for report in reports]
