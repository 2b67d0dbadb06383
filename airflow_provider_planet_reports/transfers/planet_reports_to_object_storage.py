"""Transfer of Planet's usage reports to object storage."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_planet_reports.airflow_side.landing_options import LandingOptions
from airflow_provider_planet_reports.airflow_side.lineage import LandingLineage, storage_account
from airflow_provider_planet_reports.airflow_side.outlet_events import (
    check_partitions,
    describe_outlets,
)
from airflow_provider_planet_reports.airflow_side.own_disk import warn_of_own_disk
from airflow_provider_planet_reports.airflow_side.parameters import (
    PlanetReportsBaseOperator,
    refers_to_tasks,
    rendered_filters,
)
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    retry_after,
    task_errors,
)
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.landing.destination import place_of
from airflow_provider_planet_reports.links.planet_reports import LandingPlaceLink, PlanetAccountLink
from airflow_provider_planet_reports.quantities import counted

try:
    from airflow.sdk.definitions._internal.types import NOTSET
    from airflow.sdk.definitions.template import literal
except ImportError:  # Airflow 2
    from airflow.utils.template import literal  # type: ignore[no-redef]
    from airflow.utils.types import NOTSET  # type: ignore[attr-defined,no-redef]

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, ObjectStoragePath
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_planet_reports.landing.progress import Outcome
    from airflow_provider_planet_reports.landing.run import LandingRun
    from airflow_provider_planet_reports.landing.zone import LandingZone

log = logging.getLogger(__name__)


class PlanetReportsToObjectStorageOperator(PlanetReportsBaseOperator):
    """Land usage reports in object storage: each once, whole, with a receipt.

    A report's files are written to
    ``report_type=…/cadence=…/plan_id=…/data_date=YYYY-MM-DD/<report_id>/`` below the destination,
    and its receipt to the same folders below ``_receipts/``. A report is landed when its receipt is
    there; only what is not landed is downloaded.

    Returns what this task instance landed, in this try or an earlier one: one dict per report, see
    :func:`~airflow_provider_planet_reports.landing.landed_reports`. A task that uses landed reports
    should not rely on it, but call that function: it also has what other runs landed, and what a
    task landed that then failed for another report.

    A report that can't be landed does not stop the others: the task lands what it can, then
    fails and names each one that it could not, with the reason.

    The events of the assets in ``outlets`` have as extra what was landed: ``report_ids`` and
    ``uris`` (of the files), both at most 100, ``rows``, ``bytes``, and whether the lists are
    ``truncated``. Airflow registers events only when a task succeeds.

    The other parameters (filters, connections) are those of
    :class:`~airflow_provider_planet_reports.airflow_side.parameters.PlanetReportsBaseOperator`.

    :param destination: landing zone, as ``ObjectStoragePath`` or URL
        (``s3://conn_id@bucket/prefix``, ``gs://``, ``abfs://``, ``file://``). (templated)
    :param reports: what to land: the list that
        :class:`~airflow_provider_planet_reports.operators.planet_reports.PlanetReportsListOperator`
        returned, or one of its dicts when mapped; by default what the filters find. A value that
        resolves to None fails the task: its upstream task left nothing. (templated)
    :param max_workers: files downloaded at a time, by default 16. On a bucket, at most three of
        1 MiB or more are on their way at a time. (templated)
    :param overwrite: whether to land again what is landed, by default False. (templated)
    :param row_count_check: what to do when a report has another number of rows than its
        description says: ``ignore``, ``warn`` (the default), or ``fail`` (it is not landed).
        (templated)
    :param on_nothing_new: ``succeed`` (the default), or ``skip`` to skip what is downstream.
        (templated)
    :param except_reports: ids of reports that are known to be beyond help: they are neither landed
        nor failed for, and the log names them; by default none. (templated)
    :param emit_partitions: whether the dates of new reports become partitions of the assets in
        ``outlets``: ``2026-11-23``, and ``2026-11`` for monthly reports; by default False.
        (Airflow 3.3 or later)
    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises PlanetReportsTaskError: for transient errors that remained after all retries.
    """

    template_fields: Sequence[str] = (
        *PlanetReportsBaseOperator.template_fields,
        "reports",
        *LandingOptions.names(),
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"reports": "json", "query": "json"}
    operator_extra_links: Sequence[BaseOperatorLink] = (LandingPlaceLink(), PlanetAccountLink())
    ui_color = "#c9e9e3"
    destination: str | ObjectStoragePath
    #: Where the destination shows in its store's console, once that is known.
    landing_place = ""
    _run: LandingRun | None = None
    _lineage: LandingLineage | None = None

    def __init__(
        self,
        *,
        destination: str | ObjectStoragePath,
        reports: Any = NOTSET,
        max_workers: int | str = 16,
        overwrite: bool | str = False,
        row_count_check: str = "warn",
        on_nothing_new: str = "succeed",
        except_reports: Iterable[str] | str = (),
        emit_partitions: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(destination=destination, **kwargs)
        # What the API said is no template, whatever it looks like: Airflow renders the values of
        # mapped tasks, too.
        plain = isinstance(reports, (Mapping, list, tuple)) and not refers_to_tasks(reports)
        self.reports = literal(reports) if plain else reports
        self.max_workers = max_workers
        self.overwrite = overwrite
        self.row_count_check = row_count_check
        self.on_nothing_new = on_nothing_new
        self.except_reports = except_reports
        self.emit_partitions = emit_partitions
        with task_errors():  # what is known to be wrong already shows when the DAG is parsed
            LandingOptions.check_literals(self)
            if emit_partitions:
                check_partitions()

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Land what is not landed yet.

        :param context: Airflow's context.
        :return: one dict per report that this task instance landed.
        :raises AirflowSkipException: when there is none, with ``on_nothing_new="skip"``.
        """
        from airflow_provider_planet_reports.landing.run import LandingRun
        from airflow_provider_planet_reports.landing.zone import open_zone

        with task_errors():
            filters = rendered_filters(self)
            options = LandingOptions.of(self)
            if self.emit_partitions:
                check_partitions(self.outlets)
            asked = _reports(self.reports)
            zone = open_zone(self.destination, self.destination_conn_id)
            warn_of_own_disk(zone.store.uri(""))
            hook = PlanetReportsHook(self.planet_reports_conn_id)
            self._run = LandingRun(
                hook.api,
                zone,
                max_workers=options.max_workers,
                overwrite=options.overwrite,
                row_count_check=options.row_count_check,
                except_reports=options.except_reports,
                landed_by=_task_instance(context),
                on_progress=_log_progress,
            )
            with _decoration("The link to the landing place is missing"):
                self._leave_link(context, zone)
            if asked is None:
                asked = hook.list_reports(**filters, on_bad_entry=self._run.fail_entry)
            outcome = self._run.run(asked)
        receipts = [*outcome.earlier, *outcome.landed]
        receipts.sort(key=lambda receipt: receipt.key.age())
        result = [*map(zone.describe, receipts)]
        with _decoration("The lineage is missing"):
            self._lineage = self._lineage_of(zone, hook, result)
        _raise_failures(outcome.failures, len(outcome.landed))
        if options.on_nothing_new == "skip" and not result:
            raise AirflowSkipException(
                f"Nothing new; landed before: {counted(outcome.before, 'report')}."
            )
        describe_outlets(
            context.get("outlet_events"), self.outlets, result, partitions=self.emit_partitions
        )
        return result

    def _leave_link(self, context: Context, zone: LandingZone) -> None:
        conn_id = place_of(self.destination, self.destination_conn_id).conn_id
        self.landing_place = LandingPlaceLink.leave(context, zone.store.uri(""), conn_id)

    def _lineage_of(
        self, zone: LandingZone, hook: PlanetReportsHook, landed: list[dict[str, Any]]
    ) -> LandingLineage:
        place = zone.store.uri("")
        conn_id = place_of(self.destination, self.destination_conn_id).conn_id
        base_url = hook.api.session.base_url
        return LandingLineage(base_url, place, landed, storage_account(place, conn_id))

    def get_openlineage_facets_on_complete(
        self,
        task_instance: Any,  # noqa: ARG002 - OpenLineage's signature
    ) -> OperatorLineage[Any, Any] | None:
        """Return which reports became which files, for OpenLineage.

        It is asked for after a failure, too, when some of the reports may have been landed.

        :param task_instance: that has just ended.
        """
        with _decoration("The lineage is missing"):
            return self._lineage.facets() if self._lineage is not None else None
        return None

    def on_kill(self) -> None:
        """Abandon what is under way, uploads included; what is landed stays.

        Airflow calls this in a signal handler, and kills the process a few seconds later.
        """
        if self._run is not None:
            threading.Thread(target=self._run.cancel, daemon=True).start()


def _reports(given: Any) -> Iterable[Report] | None:
    """Return the reports that a template or another task's output left, None for none given."""
    if given is NOTSET:
        return None
    if isinstance(given, type(literal(None))):  # not rendered: outside of Airflow
        given = given.value
    if given is None or given == "":
        raise InvalidInput(
            f"reports={given!r}: its upstream task left nothing. Run that task again, or leave "
            "reports out to land what the filters find."
        )
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
    named = {name: getattr(ti, name, None) for name in names}
    # Airflow 3.4 repeats a task in a loop with all of these the same; it tells them by region.
    if region := getattr(ti, "region_id", None):
        named["map_index"] = f"{region}/{getattr(ti, 'region_index', None)}"
    return named


def _log_progress(now: Outcome) -> None:
    log.info("%s", now)


@contextmanager
def _decoration(what: str) -> Iterator[None]:
    """Let nothing that only decorates a task fail it: its reports are landed, or will be."""
    try:
        yield
    except Exception as error:
        log.warning("%s: %s", what, error)


def _raise_failures(failures: Sequence[tuple[str, PlanetReportsError]], landed: int) -> None:
    if not failures:
        return
    reasons = "".join(f"\n- {name}: {error}" for name, error in failures)
    message = f"{counted(len(failures), 'report')} could not be landed, {landed} were:{reasons}"
    errors = [error for _, error in failures]
    if all(error.final for error in errors):
        raise PlanetReportsTaskFailure(message)
    raise PlanetReportsTaskError(message, retry_after(*errors))
