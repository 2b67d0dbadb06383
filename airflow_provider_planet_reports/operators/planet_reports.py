"""Operator that lists Planet's usage reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.airflow_side.listing import matching_reports
from airflow_provider_planet_reports.airflow_side.parameters import (
    PlanetReportsBaseOperator,
    rendered_filters,
)
from airflow_provider_planet_reports.airflow_side.task_errors import task_errors

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class PlanetReportsListOperator(PlanetReportsBaseOperator):
    """List usage reports: all that match, or only those that are not landed yet.

    Returns a list of the API's own report objects, as plain dicts, to be landed by
    :class:`~airflow_provider_planet_reports.transfers.planet_reports_to_object_storage.\
PlanetReportsToObjectStorageOperator` in one task (``reports=listing.output``) or in one
    mapped task each (``.expand(reports=listing.output)``).

    The parameters are those of
    :class:`~airflow_provider_planet_reports.airflow_side.parameters.PlanetReportsBaseOperator`.
    With a ``destination``, reports that are landed there are left out.

    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises PlanetReportsTaskError: for transient errors that remained after all retries.
    """

    ui_color = "#e3f4f1"

    def execute(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        """List the reports that match.

        :param context: Airflow's context.
        :return: the API's own objects, without presigned content links.
        """
        with task_errors():
            filters = rendered_filters(self)
        reports = matching_reports(
            self.planet_reports_conn_id, filters, self.destination, self.destination_conn_id
        )
        which = "not landed" if self.destination else "matching"
        self.log.info("Found %d %s reports.", len(reports), which)
        return [report.to_dict() for report in reports]
