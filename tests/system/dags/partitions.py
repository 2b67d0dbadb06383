"""Lands reports, and runs once for every day and every month of them."""

from __future__ import annotations

import datetime as dt
import os

from airflow.sdk import DAG, PartitionedAssetTimetable, task

from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

DAILY, MONTHLY = report_asset(cadence="daily"), report_asset(cadence="monthly")

with DAG("land", schedule="@once", start_date=dt.datetime(2026, 1, 1), catchup=False):
    for asset, cadence in ((DAILY, "daily"), (MONTHLY, "monthly")):
        PlanetReportsToObjectStorageOperator(
            task_id=f"land_{cadence}",
            destination=os.environ["PLANET_REPORTS_DESTINATION"],
            cadence=cadence,
            outlets=[asset],
            emit_partitions=True,
            retries=20,  # Airflow may take it up before its own API server answers
            retry_delay=dt.timedelta(seconds=2),
        )

for asset, name in ((DAILY, "each_day"), (MONTHLY, "each_month")):
    with DAG(name, schedule=PartitionedAssetTimetable(assets=asset), catchup=False):

        @task
        def load(dag_run=None):
            return dag_run.partition_key

        load()
