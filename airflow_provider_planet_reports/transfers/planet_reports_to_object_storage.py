"""Transfer of Planet's usage reports to object storage."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_provider_planet_reports.client.filters import Filters, filters_of
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError
from airflow_provider_planet_reports.exceptions import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    retry_after,
    task_errors,
)
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.lineage import LandingLineage, storage_account
from airflow_provider_planet_reports.links.planet_reports import LandingPlaceLink, PlanetAccountLink
from airflow_provider_planet_reports.transfers.landing_options import LandingOptions
from airflow_provider_planet_reports.transfers.outlet_events import (
    check_partitions,
    describe_outlets,
)

if TYPE_CHECKING:
    import datetime as dt

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, ObjectStoragePath
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_planet_reports.landing.receipt import Receipt
    from airflow_provider_planet_reports.landing.run import LandingRun
    from airflow_provider_planet_reports.landing.zone import LandingZone


class PlanetReportsToObjectStorageOperator(BaseOperator):
    """Land usage reports in object storage: each once, whole, with a receipt.

    Data comes to lie in
    ``report_type=…/cadence=…/plan_id=…/data_date=YYYY-MM-DD/<report_id>/part-00001.csv`` below the
    destination, and a receipt in ``_receipts/<report_id>.json`` when a report is complete. New
    is what has no receipt: runs, retries and backfills over landed reports cost one listing.
    What an earlier try of the same task instance landed is still reported as new.

    Returns one dict per report asked for, landed now or before: ``report_id``,
    ``data_date_start``, ``data_date_end``, ``report_type``, ``cadence``, ``plan_id``, ``files``
    (``uri``, ``bytes``, ``sha256``, ``rows`` each), ``receipt`` (its address) and ``new``.

    A report that can't be landed does not stop the others: the task lands what it can, then
    fails and names each one that it could not, with the reason.

    The events of the assets in ``outlets`` have as extra what is new: ``report_ids`` and ``uris``
    (of the files), both at most 100, ``rows``, ``bytes``, and whether the lists are ``truncated``.
    With nothing new the lists are empty; with ``on_nothing_new="skip"`` there is no event then.

    :param destination: landing zone, as ``ObjectStoragePath`` or URL
        (``s3://conn_id@bucket/prefix``, ``gs://``, ``abfs://``, ``file://``). (templated)
    :param destination_conn_id: connection for the destination, where its URL names none.
        (templated)
    :param reports: what to land: the list that
        :class:`~airflow_provider_planet_reports.operators.planet_reports.PlanetReportsListOperator`
        returned, or one of its dicts when mapped; None lists with the filters. (templated)
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
    :param max_workers: parts under way at a time, by default 4; each takes about 10 MiB of memory
        on object stores. (templated)
    :param overwrite: whether to land again what is landed, by default False. (templated)
    :param row_count_check: what to do when a report has another number of rows than its
        description says: ``ignore``, ``warn`` (the default), or ``fail`` (it is not landed).
        (templated)
    :param on_nothing_new: ``succeed`` (the default), or ``skip`` to skip what is downstream.
        (templated)
    :param emit_partitions: whether the dates of new reports become partitions of the assets in
        ``outlets``: ``2026-11-23``, and ``2026-11`` for monthly reports; by default False.
        (Airflow 3.3 or later)
    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises PlanetReportsTaskError: for trouble that outlasted all tries.
    """

    template_fields: Sequence[str] = (
        "destination",
        "destination_conn_id",
        "reports",
        *Filters.names(),
        "planet_reports_conn_id",
        *LandingOptions.names(),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"reports": "json", "query": "json"}
    operator_extra_links: Sequence[BaseOperatorLink] = (LandingPlaceLink(), PlanetAccountLink())
    ui_color = "#c9e9e3"
    #: Where the destination shows in its store's console, once that is known.
    landing_place = ""
    _run: LandingRun | None = None
    _lineage: LandingLineage | None = None

    def __init__(
        self,
        *,
        destination: str | ObjectStoragePath,
        destination_conn_id: str | None = None,
        reports: Iterable[Mapping[str, Any]] | Mapping[str, Any] | None = None,
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
        max_workers: int | str = 4,
        overwrite: bool | str = False,
        row_count_check: str = "warn",
        on_nothing_new: str = "succeed",
        emit_partitions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        self.reports = reports
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
        self.max_workers = max_workers
        self.overwrite = overwrite
        self.row_count_check = row_count_check
        self.on_nothing_new = on_nothing_new
        self.emit_partitions = emit_partitions
        with task_errors():  # what is known to be wrong already shows when the DAG is parsed
            LandingOptions.check_literals(self)
            if emit_partitions:
                check_partitions()

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Land what is not landed yet.

        :param context: Airflow's context.
        :return: one dict per report asked for, landed now or before.
        :raises AirflowSkipException: when nothing is new, with ``on_nothing_new="skip"``.
        """
        from airflow_provider_planet_reports.landing.run import LandingRun
        from airflow_provider_planet_reports.landing.stores.opening import connection_of, open_zone

        with task_errors():
            options = LandingOptions.of(self)
            if self.emit_partitions:
                check_partitions(self.outlets)
            asked = _reports(self.reports)
            zone = open_zone(self.destination, self.destination_conn_id)
            hook = PlanetReportsHook(self.planet_reports_conn_id)
            landed_by = _task_instance(context)
            self._run = LandingRun(
                hook.api,
                zone,
                max_workers=options.max_workers,
                row_count_check=options.row_count_check,
                landed_by=landed_by,
            )
            place = zone.store.uri("")
            place_conn_id = connection_of(self.destination, self.destination_conn_id)
            self.landing_place = LandingPlaceLink.leave(context, place, place_conn_id)
            if asked is None:
                asked = hook.list_reports(**filters_of(self))
            outcome = self._run.land_missing(asked, overwrite=options.overwrite)
        result = [
            _result(
                zone,
                receipt,
                new=report_id in outcome.landed or receipt.is_from_earlier_try(landed_by),
            )
            for report_id, receipt in outcome.receipts.items()
        ]
        new = [each for each in result if each["new"]]
        self._lineage = LandingLineage(
            hook.api.session.base_url, place, new, storage_account(place, place_conn_id)
        )
        _raise_failures(outcome.failures, len(outcome.landed))
        if options.on_nothing_new == "skip" and not new:
            raise AirflowSkipException(
                f"Nothing new: all {len(result)} reports were landed before."
            )
        describe_outlets(
            context.get("outlet_events"), self.outlets, new, partitions=self.emit_partitions
        )
        return result

    def get_openlineage_facets_on_complete(
        self,
        task_instance: Any,  # noqa: ARG002 - OpenLineage's signature
    ) -> OperatorLineage[Any, Any] | None:
        """Return which reports became which files, for OpenLineage.

        It is asked for after a failure, too, when some of the reports may have been landed.

        :param task_instance: that has just ended.
        """
        return self._lineage.facets() if self._lineage is not None else None

    def on_kill(self) -> None:
        """Abandon what is under way, uploads included; what is landed stays.

        Airflow calls this in a signal handler, and kills the process a few seconds later.
        """
        if self._run is not None:
            threading.Thread(target=self._run.stop).start()


def _reports(given: Any) -> Iterable[Report] | None:
    """Return the reports that a template or another task's output left, None for none given."""
    if given is None or given == "":
        return None
    if isinstance(given, Mapping):
        given = [given]
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise InvalidInput(
            f"reports is a {type(given).__name__}: it must be the list of dicts that "
            "PlanetReportsListOperator returned, or one of them. Give it as `listing.output`; a "
            "Jinja expression makes text of it, unless the DAG has "
            "render_template_as_native_obj=True."
        )
    reports = []
    for number, each in enumerate(given):
        if not isinstance(each, Mapping):
            raise InvalidInput(
                f"reports[{number}] is a {type(each).__name__}: it must be a dict, as "
                "PlanetReportsListOperator returns them."
            )
        try:
            reports.append(Report.from_dict(each))
        except PlanetReportsError as error:
            raise InvalidInput(f"reports[{number}]: {error}") from None
    return reports


def _task_instance(context: Context) -> dict[str, Any]:
    """Return who lands, for the receipts; empty where there is no task instance."""
    ti = context.get("ti")
    if ti is None:
        return {}
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    return {name: getattr(ti, name, None) for name in names}


def _raise_failures(failures: Mapping[str, PlanetReportsError], landed: int) -> None:
    if not failures:
        return
    reasons = "".join(f"\n- {report_id}: {error}" for report_id, error in failures.items())
    message = f"{len(failures)} reports could not be landed, {landed} were:{reasons}"
    if all(error.final for error in failures.values()):
        raise PlanetReportsTaskFailure(message)
    raise PlanetReportsTaskError(message, retry_after(*failures.values()))


def _result(zone: LandingZone, receipt: Receipt, *, new: bool) -> dict[str, Any]:
    report = receipt.report
    names = ("data_date_start", "data_date_end", "report_type", "cadence", "plan_id")
    return {
        "report_id": receipt.report_id,
        **{name: report.get(name) for name in names},
        "files": [
            {
                "uri": zone.store.uri(file.name),
                "bytes": file.bytes,
                "sha256": file.sha256,
                "rows": file.rows,
            }
            for file in receipt.files
        ],
        "receipt": zone.uri_of_receipt(receipt.report_id),
        "new": new,
    }
