"""What is to be landed, and what is missing: shared by operators, sensors, triggers, commands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.airflow_side.connection_settings import ConnectionSettings
from airflow_provider_planet_reports.airflow_side.task_errors import task_errors
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.connections import connection
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.quantities import counted

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.client.report import Report
    from airflow_provider_planet_reports.landing.completeness import Completeness
    from airflow_provider_planet_reports.landing.receipt import Receipt


def matching_reports(
    planet_reports_conn_id: str,
    filters: Mapping[str, Any],
    destination: str | ObjectStoragePath | None = None,
    destination_conn_id: str | None = None,
    *,
    max_retries: int | None = None,
) -> list[Report]:
    """Return the reports that match, or those of them that are not landed yet.

    They are fit for XCom and events, which Airflow keeps: presigned content links are left out, and
    the task that lands the reports asks for fresh ones.

    :param planet_reports_conn_id: connection of type ``planet_reports``.
    :param filters: filters of the listing by name.
    :param destination: landing zone; reports landed there are left out.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param max_retries: further tries per request, in the place of the connection's own.
    :raises PlanetReportsTaskFailure: for bad input and refusals.
    :raises PlanetReportsTaskError: for transient errors that remained after all retries; also where
        the destination cannot be read.
    """
    with task_errors():
        hook = PlanetReportsHook(planet_reports_conn_id, max_retries=max_retries)
        listing = hook.list_reports(**filters)
        with closing(hook.get_conn()):
            base_url = hook.api.session.base_url
            reports = [report.without_secrets(base_url) for report in listing]
    return not_landed(reports, destination, destination_conn_id) if destination else reports


def not_landed(
    reports: Collection[Report],
    destination: str | ObjectStoragePath,
    destination_conn_id: str | None = None,
) -> list[Report]:
    """Return those reports that are not landed in a destination.

    :param reports: reports.
    :param destination: landing zone.
    :param destination_conn_id: connection for it, where its URL names none.
    :raises PlanetReportsTaskFailure: if it is no destination, or refuses.
    :raises PlanetReportsTaskError: if it cannot be read.
    """
    from airflow_provider_planet_reports.landing.layout import ReportKey
    from airflow_provider_planet_reports.landing.zone import open_zone

    with task_errors():
        keys = {ReportKey.of(report) for report in reports}
        landed = open_zone(destination, destination_conn_id).landed(keys)
    return [report for report in reports if ReportKey.of(report) not in landed]


def check_completeness(
    planet_reports_conn_id: str,
    filters: Mapping[str, Any],
    destination: str | ObjectStoragePath,
    destination_conn_id: str | None = None,
    *,
    is_loaded: Callable[[Receipt], bool] | None = None,
    grace_days: int = 3,
    except_reports: Collection[str] = (),
) -> Completeness:
    """Say what a range of days lacks, for each plan and type of report that there is in it.

    :param planet_reports_conn_id: connection of type ``planet_reports``.
    :param filters: filters of the listing by name. ``start`` is required; ``end`` is at most
        yesterday, which is the default; ``cadence`` is ``daily`` by default. Of monthly reports,
        months are expected that lie in the range as a whole.
    :param destination: landing zone.
    :param destination_conn_id: connection for it, where its URL names none.
    :param is_loaded: whether a landed report is loaded, where that is to be compared as well; see
        :func:`~airflow_provider_planet_reports.warehouse.loaded_in`.
    :param grace_days: days after its last report on which a plan is still expected to go on.
    :param except_reports: ids of reports that are known to be beyond help.
    :return: how many reports there are, and what is missing, by day or month.
    :raises PlanetReportsTaskFailure: for bad input and refusals.
    :raises PlanetReportsTaskError: for transient errors that remained after all retries; also where
        the destination cannot be read.
    """
    from airflow_provider_planet_reports.landing.completeness import completeness
    from airflow_provider_planet_reports.landing.scope import Scope
    from airflow_provider_planet_reports.landing.zone import open_zone

    with task_errors():
        given = Filters(**filters).to_kwargs()
        scope = Scope.of(given, grace_days)
        if scope.org_id is None:  # what is landed of other organizations does not count, either
            found = connection(planet_reports_conn_id, "the Reports API")
            org_id = ConnectionSettings(planet_reports_conn_id, found).org_id
            scope = replace(scope, org_id=org_id)
        wanted = {**given, **scope.filters()}
        listed = matching_reports(planet_reports_conn_id, wanted) if scope.periods else []
        zone = open_zone(destination, destination_conn_id)
        return completeness(scope, listed, zone, is_loaded, except_reports)


def summary_of(found: Completeness) -> str:
    """Return what a check found as one line: the days, and the reports that there are of them.

    :param found: what :func:`check_completeness` returned.
    """
    unit = "month" if found.cadence == "monthly" else "day"
    loaded = "" if found.loaded is None else f"{found.loaded} loaded, "
    return (
        f"{counted(len(found.periods), unit)} from {found.start} to {found.end}: "
        f"{counted(found.reports, 'report')}, {found.landed} landed, {loaded}"
        f"{counted(len(found.gaps), 'finding')}."
    )
