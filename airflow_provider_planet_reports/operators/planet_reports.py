"""Operators that list Planet's usage reports, and check that none is missing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.airflow_side.landing_options import report_ids
from airflow_provider_planet_reports.airflow_side.listing import (
    check_completeness,
    matching_reports,
    summary_of,
)
from airflow_provider_planet_reports.airflow_side.parameters import (
    PlanetReportsBaseOperator,
    is_template,
    rendered_filters,
)
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.quantities import counted

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

log = logging.getLogger(__name__)

#: Findings in an error message; the task's log has all of them.
_SHOWN = 5
#: What to do, by the state of a finding.
_REMEDIES = {
    "not landed": "run the landing task",
    "not loaded": "run the load task",
    "no report": "wait, or ask Planet",
    "duplicate": "the views count one, name the other in except_reports",
}


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
        log.info("Found %s.", counted(len(reports), f"{which} report"))
        return [report.to_dict() for report in reports]


class PlanetReportsCheckOperator(PlanetReportsBaseOperator):
    """Check that no usage report is missing: at Planet, in the landing zone, in the warehouse.

    ::

        PlanetReportsCheckOperator(
            task_id="check",
            start="{{ macros.ds_add((logical_date | default(dag_run.run_after, true)) | ds, -7) }}",
            destination="s3://my_aws@bucket/planet",
            warehouse="duckdb:///data/planet.duckdb",
        )

    Each plan has to have a report for each day, or each month, from its first report to
    ``grace_days`` after its last one, up to yesterday (UTC). Returns ``{"reports", "landed",
    "loaded", "gaps"}``: how many there are, and what is not in order, each as ``{"period",
    "plan_id", "report_type", "cadence", "state", "report_id"}``. The states are

    * ``no report``: Planet has none, and none is landed;
    * ``not landed``;
    * ``not loaded``: landed, or landed anew since it was loaded; only with a ``warehouse``;
    * ``duplicate``: another report of the same plan, type and day is landed, or one with the same
      id elsewhere; which one counts may be arbitrary;
    * ``excepted``: in ``except_reports``.

    The other parameters (filters, connections) are those of
    :class:`~airflow_provider_planet_reports.airflow_side.parameters.PlanetReportsBaseOperator`.

    :param start: first day, inclusive: a date or ``YYYY-MM-DD``. (templated)
    :param destination: landing zone, as ``ObjectStoragePath`` or URL
        (``s3://conn_id@bucket/prefix``, ``gs://``, ``abfs://``, ``file://``). (templated)
    :param warehouse: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``, to find
        what is landed and not loaded; by default that is not checked. (templated)
    :param warehouse_conn_id: connection for PostgreSQL, where the URL names none. (templated)
    :param grace_days: days after its last report on which a plan is still expected to go on, by
        default 3.
    :param except_reports: ids of reports that are known to be beyond help, by default none.
        (templated)
    :param fail: whether the task fails if anything but ``excepted`` is found, by default True.
    :raises PlanetReportsTaskFailure: for bad input and refusals, and with ``fail`` for findings.
    :raises PlanetReportsTaskError: for transient errors that remained after all retries.
    """

    template_fields: Sequence[str] = (
        *PlanetReportsBaseOperator.template_fields,
        "warehouse",
        "warehouse_conn_id",
        "except_reports",
    )
    ui_color = "#f1ecd9"
    destination: str | ObjectStoragePath

    def __init__(
        self,
        *,
        start: Any,
        destination: str | ObjectStoragePath,
        warehouse: str | None = None,
        warehouse_conn_id: str | None = None,
        grace_days: int = 3,
        except_reports: Iterable[str] | str = (),
        fail: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(start=start, destination=destination, **kwargs)
        self.warehouse = warehouse
        self.warehouse_conn_id = warehouse_conn_id
        self.grace_days = grace_days
        self.except_reports = except_reports
        self.fail = fail
        with task_errors():
            if isinstance(grace_days, bool) or not isinstance(grace_days, int) or grace_days < 0:
                raise InvalidInput(
                    f"grace_days={grace_days!r} is not allowed: it must be a whole number from 0."
                )
            if warehouse and not is_template([warehouse, warehouse_conn_id]):
                from airflow_provider_planet_reports.warehouse.opening import parse_warehouse

                parse_warehouse(warehouse, warehouse_conn_id)

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Find what is not in order.

        :param context: Airflow's context.
        :return: how many reports there are, and the findings.
        """
        from airflow_provider_planet_reports.warehouse import loaded_in

        with task_errors():
            filters = rendered_filters(self)
            excepted = report_ids("except_reports", self.except_reports or ())
            is_loaded = None
            if self.warehouse:
                is_loaded = loaded_in(self.warehouse, self.warehouse_conn_id or None)
        found = check_completeness(
            self.planet_reports_conn_id,
            filters,
            self.destination,
            self.destination_conn_id,
            is_loaded=is_loaded,
            grace_days=self.grace_days,
            except_reports=excepted,
        )
        gaps = [asdict(gap) for gap in found.gaps]
        lines = [
            f"{gap.period} {gap.report_type or 'any type'} of plan {gap.plan_id or 'any'}: "
            f"{gap.state}{f' ({gap.report_id})' if gap.report_id else ''}"
            for gap in found.gaps
        ]
        for line in lines:
            log.warning("%s", line)
        log.info("%s", summary_of(found))
        wrong = [
            line for line, gap in zip(lines, found.gaps, strict=True) if gap.state != "excepted"
        ]
        if wrong and self.fail:
            remedies = [
                f"{remedy} ({state})"
                for state, remedy in _REMEDIES.items()
                if found.periods_that(state)
            ]
            more = f"; {len(wrong) - _SHOWN} more in the log" if len(wrong) > _SHOWN else ""
            raise PlanetReportsTaskFailure(
                f"{counted(len(wrong), 'finding')}: {'; '.join(remedies)}. "
                f"{'; '.join(wrong[:_SHOWN])}{more}."
            )
        return {
            "reports": found.reports,
            "landed": found.landed,
            "loaded": found.loaded,
            "gaps": gaps,
        }
