"""DAGs that tests run; what varies comes as parameters of the run."""

from __future__ import annotations

import datetime as dt

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

COMMON = {
    "schedule": None,
    "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    "params": {"destination": Param("", type="string")},
    "render_template_as_native_obj": False,
}

with DAG("land", **COMMON) as land:
    PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination="{{ params.destination }}",
        report_type="{{ params.get('report_type', '') }}",
    )

with DAG("list_and_land_mapped", **COMMON) as list_and_land_mapped:
    listing = PlanetReportsListOperator(
        task_id="list", destination="{{ params.destination }}", cadence="daily"
    )
    PlanetReportsToObjectStorageOperator.partial(
        task_id="land", destination="{{ params.destination }}"
    ).expand(reports=listing.output)
