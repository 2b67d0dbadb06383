"""Every morning: land yesterday's usage reports, and load them into a warehouse table.

Reports that came late are not missed: each run looks back over a week, and what is landed
already costs nothing. A run over an earlier day (a backfill, a cleared run) lands what that
day's run would have landed.

To schedule it, create the connection ``planet_reports_default`` (with the API key of an
organization administrator), and set in the environment of Airflow:

* ``PLANET_REPORTS_DESTINATION``: where the files go, for example ``s3://my-bucket/planet``; by
  default a folder below ``AIRFLOW_HOME``;
* ``PLANET_REPORTS_DESTINATION_CONN_ID``: the connection for that bucket;
* ``PLANET_REPORTS_WAREHOUSE``: the DuckDB file; by default below ``AIRFLOW_HOME`` too.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or str(HOME / "planet_reports.duckdb")

# A run started by hand has no data interval on Airflow 3: then the day before it was started.
TODAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_daily",
    description="Lands Planet's usage reports and loads them into a warehouse table.",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,  # a DuckDB file has one writer
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    params={"days": Param(7, type="integer", minimum=1, description="Days to look back.")},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_daily]
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        destination_conn_id=DESTINATION_CONN_ID,
        cadence="daily",
        start=f"{{{{ macros.ds_add({TODAY}, -params.days) }}}}",
        end=f"{{{{ macros.ds_add({TODAY}, -1) }}}}",
    )

    # One report that cannot be landed does not keep the others from being loaded.
    @task(trigger_rule="all_done")
    def load() -> dict[str, int]:
        """Load what is landed and not in the warehouse yet; return the rows loaded by table."""
        from duckdb_warehouse import load_reports

        from airflow_provider_planet_reports.landing import landed_reports
        from airflow_provider_planet_reports.landing.destination import connection_of

        landed = landed_reports(DESTINATION, DESTINATION_CONN_ID, cadence="daily")
        conn_id = connection_of(DESTINATION, DESTINATION_CONN_ID)
        return load_reports(WAREHOUSE, landed, conn_id=conn_id)

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    loaded = load()
    land >> loaded
    [land, loaded] >> done()
    # [END howto_daily]
