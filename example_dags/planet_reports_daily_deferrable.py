"""Every night: wait for yesterday's usage reports, land them, and load them into a warehouse.

Planet promises no hour for a day's reports. The sensor waits in the triggerer, where waiting
takes no worker's slot, and the files are landed within minutes of their being there. Name your
plans in ``PLANET_REPORTS_PLAN_IDS``, for example ``1001,1002``: it then waits until each has its
reports of yesterday. Otherwise it waits for one report that is not landed yet.

What is then landed are all reports of the last week that are not landed yet: those that an earlier
run could not land are among them, and a night without a report does not hold them up.

What it needs is what ``planet_reports_daily.py`` needs.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers import planet_reports_to_object_storage as storage
from airflow_provider_planet_reports.transfers import planet_reports_to_warehouse as warehouse

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
# A run started by hand has no data interval on Airflow 3: then the day before it was started.
TODAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_daily_deferrable",
    schedule="@daily",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_deferrable]
    wait = PlanetReportsSensor(
        task_id="wait",
        deferrable=True,
        destination=DESTINATION,
        cadence="daily",
        start=f"{{{{ macros.ds_add({TODAY}, -1) }}}}",
        end=f"{{{{ macros.ds_add({TODAY}, -1) }}}}",
        plan_ids=os.environ.get("PLANET_REPORTS_PLAN_IDS"),
        poke_interval=float(os.environ.get("PLANET_REPORTS_POLL_INTERVAL") or 300),
        timeout=20 * 60 * 60,
    )
    land = storage.PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        cadence="daily",
        start=f"{{{{ macros.ds_add({TODAY}, -7) }}}}",
        trigger_rule="all_done",
    )
    load = warehouse.PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
        cadence="daily",
        trigger_rule="all_done",
    )
    # [END howto_deferrable]

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    wait >> land >> load
    [wait, land, load] >> done()
