"""As soon as Planet publishes usage reports: land them, and load them into a warehouse.

A watcher in the triggerer looks for reports that are not landed, and says so on the asset
``planet_reports_available``, which starts the DAG (Airflow 3.0 or later). Treat an event as a
notification only: the DAG looks for itself at what there is to do, so an event that comes twice, or
several that start one run, do no harm.

What it needs is what ``planet_reports_daily.py`` needs.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Asset, task

from airflow_provider_planet_reports.transfers import planet_reports_to_object_storage as storage
from airflow_provider_planet_reports.transfers import planet_reports_to_warehouse as warehouse
from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsEventTrigger

from airflow.sdk import AssetWatcher  # isort: skip  (last: on Airflow 2, the trigger tells why)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"

# [START howto_watcher]
trigger = PlanetReportsEventTrigger(
    destination=DESTINATION,
    poll_interval=float(os.environ.get("PLANET_REPORTS_POLL_INTERVAL") or 300),  # seconds
)
available = Asset(
    "planet_reports_available", watchers=[AssetWatcher(name="planet_reports", trigger=trigger)]
)
# [END howto_watcher]

# [START howto_event_dag]
with DAG(
    dag_id="planet_reports_event_driven",
    schedule=[available],
    max_active_runs=1,
    default_args={"retries": 5, "retry_delay": dt.timedelta(minutes=5)},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    land = storage.PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        start="{{ macros.ds_add(dag_run.run_after | ds, -62) }}",  # as far back as the watcher
    )
    load = warehouse.PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
        outlets=[Asset("planet_reports_loaded")],
        trigger_rule="all_done",
    )

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    land >> load
    [land, load] >> done()
# [END howto_event_dag]
