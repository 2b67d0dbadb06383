"""A DAG that a watcher starts, and that fails the first time."""

from __future__ import annotations

import os
from pathlib import Path

from airflow.sdk import DAG, Asset, AssetWatcher, task

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsEventTrigger

DESTINATION = os.environ["PLANET_REPORTS_DESTINATION"]
HAS_FAILED = Path(os.environ["AIRFLOW_HOME"], "has_failed")

trigger = PlanetReportsEventTrigger(destination=DESTINATION, poll_interval=1, remind_after=5)
reports = Asset("reports", watchers=[AssetWatcher(name="reports", trigger=trigger)])

with DAG("reminded", schedule=[reports], max_active_runs=1):

    @task
    def fail_once() -> None:
        """Fail, but for the first time only."""
        if not HAS_FAILED.exists():
            HAS_FAILED.touch()
            raise RuntimeError("the first run fails")

    fail_once() >> PlanetReportsToObjectStorageOperator(task_id="land", destination=DESTINATION)
