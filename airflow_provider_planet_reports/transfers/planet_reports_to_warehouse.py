"""Loading of landed usage reports into a warehouse."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_planet_reports.airflow_side.landing_options import flag, report_ids
from airflow_provider_planet_reports.airflow_side.outlet_events import (
    check_partitions,
    describe_outlets,
)
from airflow_provider_planet_reports.airflow_side.parameters import (
    Templated,
    is_template,
    literals,
    refuse_none,
)
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.destination import place_of
from airflow_provider_planet_reports.quantities import counted

if TYPE_CHECKING:
    import datetime as dt

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

    from airflow_provider_planet_reports.warehouse.loading import LoadOutcome

log = logging.getLogger(__name__)

_FILTERS = ("org_id", "plan_id", "report_type", "cadence", "start", "end")


class PlanetReportsToWarehouseOperator(Templated, BaseOperator):
    """Load landed usage reports into DuckDB or PostgreSQL: each once, whole.

    ::

        PlanetReportsToWarehouseOperator(
            task_id="load",
            source="s3://my_aws@bucket/planet",
            warehouse="duckdb:///data/planet.duckdb",
            trigger_rule="all_done",
        )

    It loads what is landed and not loaded, and what was landed anew since, whichever run landed it:
    the receipts in the landing zone and the warehouse's own table ``loaded_reports`` decide. So it
    does not depend on what the landing task returned, and makes up for any earlier failure.

    There is a table for each type and cadence (``summary_daily``, ``detailed_monthly``, …). It has
    the files' own columns, as text, and columns of ours, which begin with ``_``. The views
    ``current_reports``, ``usage_lines``, ``usage_daily`` and ``usage_by_month`` are on top of them.

    A report is loaded whole or not at all. One that cannot be loaded does not stop the others: the
    task loads what it can, then fails and names each one that it could not, with the reason.

    Returns ``{"reports": n, "rows": n, "tables": {name: rows}}``. The events of the assets in
    ``outlets`` say what this run loaded, whichever run landed it.

    :param source: landing zone, as ``ObjectStoragePath`` or URL (``s3://conn_id@bucket/prefix``,
        ``gs://``, ``abfs://``, ``file://``). (templated)
    :param warehouse: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``.
        (templated)
    :param source_conn_id: connection for the landing zone, where its URL names none. (templated)
    :param warehouse_conn_id: connection for PostgreSQL, where the URL names none. (templated)
    :param org_id: only reports of this organization. (templated)
    :param plan_id: only reports of this plan. (templated)
    :param report_type: ``detailed`` or ``summary``; by default both. (templated)
    :param cadence: ``daily`` or ``monthly``; by default both. (templated)
    :param start: first day, inclusive: a date or ``YYYY-MM-DD``; by default the first landed.
        (templated)
    :param end: last day, inclusive: a date or ``YYYY-MM-DD``; by default the last landed.
        (templated)
    :param required_columns: columns that each file has to have; a report that lacks one is not
        loaded. By default none. (templated)
    :param remove_missing: whether the rows go of reports that are not landed any more, by default
        False: the log names them. (templated)
    :param except_reports: ids of reports that are known to be beyond help: they are neither loaded
        nor failed for; by default none. (templated)
    :param columns: what this account's files call the columns that the views need, by our names:
        ``{"usage": "Quota Used", "item_type": "Item Type", "date": "Day"}``; by default
        ``usage``, ``item_type`` and ``date``. (templated)
    :param emit_partitions: whether the dates of the reports that this run loaded become partitions
        of the assets in ``outlets``; by default False. (Airflow 3.3 or later)
    :raises PlanetReportsTaskFailure: for bad input, refusals, and reports that cannot be loaded;
        Airflow does not retry.
    :raises PlanetReportsTaskError: for transient errors.
    """

    template_fields: Sequence[str] = (
        "source", "source_conn_id", "warehouse", "warehouse_conn_id", *_FILTERS,
        "required_columns", "remove_missing", "except_reports", "columns",
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {"columns": "json"}
    ui_color = "#d9e8f5"

    def __init__(
        self,
        *,
        source: str | ObjectStoragePath,
        warehouse: str,
        source_conn_id: str | None = None,
        warehouse_conn_id: str | None = None,
        org_id: str | int | None = None,
        plan_id: str | int | None = None,
        report_type: str | None = None,
        cadence: str | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
        required_columns: Sequence[str] | str = (),
        remove_missing: bool | str = False,
        except_reports: Collection[str] | str = (),
        columns: Mapping[str, str] | None = None,
        emit_partitions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.source_conn_id = source_conn_id
        self.warehouse = warehouse
        self.warehouse_conn_id = warehouse_conn_id
        self.org_id = org_id
        self.plan_id = plan_id
        self.report_type = report_type
        self.cadence = cadence
        self.start = start
        self.end = end
        self.required_columns = required_columns
        self.remove_missing = remove_missing
        self.except_reports = except_reports
        self.columns = columns
        self.emit_partitions = emit_partitions
        with task_errors():  # what is known to be wrong already shows when the DAG is parsed
            self._check_literals()
            if emit_partitions:
                check_partitions()

    def execute(self, context: Context) -> dict[str, Any]:
        """Load what is landed and not loaded yet.

        :param context: Airflow's context.
        :return: how many reports and rows were loaded, and how many rows of each table.
        """
        from airflow_provider_planet_reports.landing.zone import open_zone
        from airflow_provider_planet_reports.warehouse import load_reports

        with task_errors():
            if self.emit_partitions:
                check_partitions(self.outlets)
            refuse_none(self)
            filters = _filters({name: getattr(self, name) for name in _FILTERS})
            outcome = load_reports(
                self.source,
                self.warehouse,
                source_conn_id=_given(self.source_conn_id),
                warehouse_conn_id=_given(self.warehouse_conn_id),
                required_columns=_column_names(self.required_columns),
                remove_missing=flag("remove_missing", self.remove_missing),
                except_reports=report_ids("except_reports", self.except_reports or ()),
                columns=self.columns,
                loaded_by=_task_instance(context),
                **filters,
            )
            zone = open_zone(self.source, _given(self.source_conn_id))
        _raise_failures(outcome)
        log.info("Loaded %s, %s.", counted(outcome.reports, "report"), counted(outcome.rows, "row"))
        ours = [zone.describe(receipt) for receipt in outcome.by_us]
        describe_outlets(
            context.get("outlet_events"), self.outlets, ours, partitions=self.emit_partitions
        )
        return outcome.to_dict()

    def _check_literals(self) -> None:
        from airflow_provider_planet_reports.warehouse.opening import parse_warehouse
        from airflow_provider_planet_reports.warehouse.views import view_columns

        _filters(literals(self, _FILTERS))
        if not is_template(self.columns):
            view_columns(self.columns)
        if isinstance(self.source, str) and not is_template(self.source):
            place_of(self.source)
        if not is_template(self.warehouse) and not is_template(self.warehouse_conn_id):
            parse_warehouse(self.warehouse, self.warehouse_conn_id)


def _filters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return filters, checked. What other listings call their types and cadences is landed, too."""
    kwargs = Filters(**given, path="landed").to_kwargs()
    del kwargs["path"]
    return kwargs


def _given(value: Any) -> Any:
    """Return a rendered value; None for one that rendered to nothing."""
    return None if value == "" else value


def _column_names(value: Any) -> tuple[str, ...]:
    """Return names of columns as a list: they may be written in one text, separated by commas."""
    if isinstance(value, str):
        value = [each.strip() for each in value.split(",")]
    if not isinstance(value, Iterable):
        raise InvalidInput(
            f"required_columns={value!r} is not allowed: it must be a list of names."
        )
    return tuple(str(each) for each in value if each != "")


def _task_instance(context: Context) -> str:
    """Return which task instance loads, over all of its tries; empty where there is none."""
    ti = context.get("ti")
    if ti is None:
        return ""
    names = ("dag_id", "run_id", "task_id", "map_index")
    return json.dumps([getattr(ti, name, None) for name in names])


def _raise_failures(outcome: LoadOutcome) -> None:
    if not outcome.failures:
        return
    reasons = "".join(f"\n- {name}: {error}" for name, error in outcome.failures)
    message = (
        f"{counted(len(outcome.failures), 'report')} could not be loaded, "
        f"{outcome.reports} were:{reasons}"
    )
    if all(error.final for _, error in outcome.failures):
        raise PlanetReportsTaskFailure(message)
    raise PlanetReportsTaskError(message)
