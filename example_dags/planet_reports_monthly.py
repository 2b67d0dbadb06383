"""As soon as every day of a month is landed: write down the month's usage by item type.

Two pieces, joined by a partitioned asset; Airflow 3.3 or later:

* the DAG ``planet_reports_days`` lands daily summaries every morning, and tells the asset which
  days are new: each day is a partition;
* the DAG ``planet_reports_months`` runs once for each month of which all days are there, however
  they came in; a month that was never whole never gets a row.

What it needs is what ``planet_reports_daily.py`` needs.
"""

from __future__ import annotations

import calendar
import datetime as dt
import os
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, get_current_context, task

from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or str(HOME / "planet_reports.duckdb")
DAYS = 62  # as far back as a month may still lack a day

SUMMARIES = {"report_type": "summary", "cadence": "daily"}
DEFAULT_ARGS = {"retries": 2, "retry_delay": dt.timedelta(minutes=10)}
days = report_asset(**SUMMARIES)

with DAG(
    dag_id="planet_reports_days",
    description="Lands Planet's daily summaries, and says which days are new.",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["planet"],
):
    # [START howto_partitions]
    PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        destination_conn_id=DESTINATION_CONN_ID,
        start=f"{{{{ macros.ds_add(dag_run.run_after | ds, -{DAYS}) }}}}",
        outlets=[days],
        emit_partitions=True,
        **SUMMARIES,
    )
    # [END howto_partitions]

from airflow.sdk import (  # noqa: E402  isort: skip  (last: before 3.3, the operator tells why)
    MonthWindow, PartitionedAssetTimetable, RollupMapper, StartOfMonthMapper,
)  # fmt: skip

# [START howto_rollup]
whole_months = RollupMapper(
    upstream_mapper=StartOfMonthMapper(input_format="%Y-%m-%d", output_format="%Y-%m"),
    window=MonthWindow(),
)

with DAG(
    dag_id="planet_reports_months",
    description="Writes down each month's usage when all of its days are landed.",
    schedule=PartitionedAssetTimetable(assets=days, default_partition_mapper=whole_months),
    catchup=False,
    max_active_runs=1,  # a DuckDB file has one writer
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["planet"],
):
    # [END howto_rollup]

    # [START howto_partition_key]
    @task
    def first_and_last_day() -> dict[str, str]:
        """Return the days between which the month lies."""
        month = get_current_context()["dag_run"].partition_key
        year, number = map(int, month.split("-"))
        return {"start": f"{month}-01", "end": f"{month}-{calendar.monthrange(year, number)[1]}"}

    month = first_and_last_day()
    # All of them are landed: this says where, and costs one listing.
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        destination_conn_id=DESTINATION_CONN_ID,
        start="{{ ti.xcom_pull(task_ids='first_and_last_day')['start'] }}",
        end="{{ ti.xcom_pull(task_ids='first_and_last_day')['end'] }}",
        **SUMMARIES,
    )
    month >> land
    # [END howto_partition_key]

    @task
    def roll_up(landed: list[dict[str, Any]]) -> None:
        """Load the days, and put the month's usage in the place of what was there of it."""
        import duckdb
        from duckdb_warehouse import load_reports

        from airflow_provider_planet_reports.landing.destination import connection_of

        conn_id = connection_of(DESTINATION, DESTINATION_CONN_ID)
        load_reports(WAREHOUSE, landed, conn_id=conn_id)
        month = get_current_context()["dag_run"].partition_key
        with duckdb.connect(WAREHOUSE) as db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS usage_by_month "
                "(month VARCHAR, item_type VARCHAR, usage DOUBLE)"
            )
            db.begin()
            db.execute("DELETE FROM usage_by_month WHERE month = ?", [month])
            db.execute(
                "INSERT INTO usage_by_month SELECT ?, item_type, sum(usage::DOUBLE) "
                "FROM summary_daily WHERE strftime(_data_date, '%Y-%m') = ? GROUP BY item_type",
                [month, month],
            )
            db.commit()

    roll_up(land.output)
