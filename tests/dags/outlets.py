"""DAGs with assets to tell of, and one that waits for as long as the server asks."""

from __future__ import annotations

import datetime as dt

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

COMMON = {
    "schedule": None,
    "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    "params": {"destination": Param("", type="string"), "overwrite": Param("", type="string")},
}
DAILY = report_asset(cadence="daily")
DESTINATION = "{{ params.destination }}"

with DAG("land_outlets", **COMMON) as land_outlets:
    PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        overwrite="{{ params.overwrite }}",
        cadence="daily",
        outlets=[DAILY],
    )

try:
    from airflow_provider_planet_reports.retry_policy import PlanetReportsRetryPolicy
except ImportError:  # Airflow before 3.3
    pass
else:
    with DAG("land_patiently", **COMMON) as land_patiently:
        PlanetReportsToObjectStorageOperator.partial(
            task_id="land",
            destination=DESTINATION,
            retries=1,
            retry_delay=dt.timedelta(days=365),
            retry_policy=PlanetReportsRetryPolicy(longest_delay=dt.timedelta(seconds=1)),
        ).expand(plan_id=[1001])

    with DAG("land_partitions", **COMMON) as land_partitions:
        PlanetReportsToObjectStorageOperator(
            task_id="land",
            destination=DESTINATION,
            overwrite="{{ params.overwrite }}",
            cadence="daily",
            outlets=[DAILY],
            emit_partitions=True,
        )
