"""As soon as Planet publishes usage reports: land them, then load them into a warehouse.

Three pieces, joined by assets; Airflow 3.0 or later:

* a watcher in the triggerer looks for reports that are not landed, and says so on the asset
  ``planet_reports_available``;
* the DAG ``planet_reports_land`` lands what is not landed, and updates the asset
  ``planet_reports_landed``;
* the DAG ``planet_reports_load`` loads what the warehouse does not have yet.

Treat an event as a notification only: each DAG looks for itself at what there is to do, so an event
that comes twice, or several that start one run, do no harm.

What it needs is what ``planet_reports_daily.py`` needs.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_warehouse import (
    PlanetReportsToWarehouseOperator,
)
from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsEventTrigger

from airflow.sdk import AssetWatcher  # isort: skip  (last: on Airflow 2, the trigger tells why)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
POLL_INTERVAL = float(os.environ.get("PLANET_REPORTS_POLL_INTERVAL") or 300)  # seconds
DAYS = 62  # as far back as the watcher looks

# [START howto_watcher]
available = Asset(
    "planet_reports_available",
    watchers=[
        AssetWatcher(
            name="planet_reports",
            trigger=PlanetReportsEventTrigger(
                destination=DESTINATION,
                poll_interval=POLL_INTERVAL,
            ),
        )
    ],
)
# [END howto_watcher]
landed = Asset("planet_reports_landed")

# [START howto_event_land]
with DAG(
    dag_id="planet_reports_land",
    description="Lands Planet's usage reports when they are published.",
    schedule=[available],
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": dt.timedelta(minutes=5)},
    doc_md=__doc__,
    tags=["planet"],
):
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        start=f"{{{{ macros.ds_add(dag_run.run_after | ds, -{DAYS}) }}}}",
    )

    # The events of a task that fails are lost: so it is not the landing task that has the outlet.
    @task(trigger_rule="all_done", outlets=[landed])
    def announce() -> None:
        """Have what is landed loaded, even if a report could not be landed."""

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    announced = announce()
    land >> announced
    [land, announced] >> done()
# [END howto_event_land]

with DAG(
    dag_id="planet_reports_load",
    description="Loads Planet's usage reports into a warehouse table when they are landed.",
    schedule=[landed],
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=5)},
    doc_md=__doc__,
    tags=["planet"],
):
    # [START howto_event_load]
    PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
    )
    # [END howto_event_load]
