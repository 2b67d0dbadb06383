"""What is there to be landed: the one predicate behind the list operator, sensor and triggers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.exceptions import task_errors
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.client.report import Report


def matching_reports(
    planet_reports_conn_id: str,
    filters: Mapping[str, Any],
    destination: str | ObjectStoragePath | None = None,
    destination_conn_id: str | None = None,
    *,
    max_retries: int | None = None,
) -> list[Report]:
    """Return the reports that match, or those of them that are not landed yet.

    They are fit for XCom and events, which Airflow keeps: content links that would open files
    without the API key are left out, and whoever lands the reports asks for fresh ones.

    :param planet_reports_conn_id: connection of type ``planet_reports``.
    :param filters: filters of the listing by name.
    :param destination: landing zone; reports landed there are left out.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param max_retries: further tries per request, in the place of the connection's own.
    :raises PlanetReportsTaskFailure: for bad input and refusals.
    :raises PlanetReportsTaskError: for trouble that outlasted all tries; also where the
        destination can't be read: then nothing is known to be new.
    """
    with task_errors():
        hook = PlanetReportsHook(planet_reports_conn_id, max_retries=max_retries)
        listing = hook.list_reports(**filters)
        with closing(hook.get_conn()):
            landed = landed_reports(destination, destination_conn_id) if destination else ()
            base_url = hook.api.session.base_url
            return [
                report.without_secrets(base_url)
                for report in listing
                if report.report_id not in landed
            ]


def landed_reports(
    destination: str | ObjectStoragePath, destination_conn_id: str | None = None
) -> frozenset[str]:
    """Return the ids of the reports that are landed in a destination.

    :param destination: landing zone.
    :param destination_conn_id: connection for it, where its URL names none.
    :raises PlanetReportsTaskFailure: if it is no destination.
    :raises PlanetReportsTaskError: if it can't be read.
    """
    from airflow_provider_planet_reports.landing.stores.opening import open_zone

    with task_errors():
        return open_zone(destination, destination_conn_id).landed()
