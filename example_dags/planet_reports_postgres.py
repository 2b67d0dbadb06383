"""Every morning: land yesterday's usage reports, and load them into PostgreSQL.

What it needs is what ``planet_reports_daily.py`` needs, but for the DuckDB file: in its place, the
extra ``postgres``, and a connection to the database, by default
``postgres_default``; ``PLANET_REPORTS_POSTGRES_CONN_ID`` names another one. Tables are made in a
schema ``planet_reports``.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_warehouse import (
    PlanetReportsToWarehouseOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
POSTGRES_CONN_ID = os.environ.get("PLANET_REPORTS_POSTGRES_CONN_ID") or "postgres_default"
WAREHOUSE = f"postgres://{POSTGRES_CONN_ID}@/planet_reports"
# A run started by hand has no data interval on Airflow 3: then the day before it was started.
TODAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_postgres",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    params={"days": Param(7, type="integer", minimum=1, description="Days to look back.")},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_postgres_dag]
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        cadence="daily",
        start=f"{{{{ macros.ds_add({TODAY}, -params.days) }}}}",
        end=f"{{{{ macros.ds_add({TODAY}, -1) }}}}",
    )
    load = PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
        cadence="daily",
        # One report that cannot be landed does not keep the others from being loaded.
        trigger_rule="all_done",
    )

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    land >> load
    [land, load] >> done()
    # [END howto_postgres_dag]
