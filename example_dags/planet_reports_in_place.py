"""Every morning: land yesterday's usage reports, and query them where they lie.

No warehouse: DuckDB reads the files in the object store as one table, with the plan and the day of
each row. That is the least to look after as long as there is not too much to read; see
``planet_reports_daily.py`` for loading a table.

What it needs is what ``planet_reports_daily.py`` needs, but for the warehouse.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
DAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_in_place",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        destination_conn_id=DESTINATION_CONN_ID,
        report_type="summary",
        cadence="daily",
        start=f"{{{{ macros.ds_add({DAY}, -7) }}}}",
    )

    # [START howto_in_place_query]
    @task(trigger_rule="all_done")
    def rows_by_day() -> list[dict[str, Any]]:
        """Return how many rows each plan has on each day."""
        import duckdb

        from airflow_provider_planet_reports.warehouse.in_place import view_of_landed

        with duckdb.connect() as db:
            view_of_landed(db, DESTINATION, DESTINATION_CONN_ID)
            found = db.execute(
                "SELECT _data_date, _plan_id, count(*) FROM landed GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        return [{"day": str(day), "plan_id": plan, "rows": rows} for day, plan, rows in found]

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    counted = rows_by_day()
    land >> counted
    [land, counted] >> done()
    # [END howto_in_place_query]
