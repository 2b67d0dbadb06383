"""As soon as every day of a month is loaded: write down the month's usage by item type.

Two pieces, joined by a partitioned asset; Airflow 3.3 or later:

* the DAG ``planet_reports_days`` lands and loads daily summaries every morning, and tells the
  asset which days are loaded: each day is a partition;
* the DAG ``planet_reports_months`` runs for each month of which all days are loaded, in whatever
  order that happened; a month that lacks a day gets no row.

What it needs is what ``planet_reports_daily.py`` needs.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, get_current_context, task

from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

try:
    from airflow.sdk import (
        MonthWindow,
        PartitionedAssetTimetable,
        RollupMapper,
        StartOfMonthMapper,
    )
except ImportError:
    raise ImportError("planet_reports_monthly.py needs Airflow 3.3 or later.") from None

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or str(HOME / "planet_reports.duckdb")
USAGE_BY_MONTH = (
    "CREATE TABLE IF NOT EXISTS usage_by_month (month VARCHAR, item_type VARCHAR, usage DOUBLE)"
)
DAYS = 62  # as far back as a month may still lack a day

SUMMARIES = {"report_type": "summary", "cadence": "daily"}
DEFAULT_ARGS = {"retries": 2, "retry_delay": dt.timedelta(minutes=10)}
days = report_asset(**SUMMARIES)

with DAG(
    dag_id="planet_reports_days",
    description="Lands and loads Planet's daily summaries, and says which days are loaded.",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,  # a DuckDB file has one writer
    default_args=DEFAULT_ARGS,
    doc_md=__doc__,
    tags=["planet"],
):
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        destination_conn_id=DESTINATION_CONN_ID,
        start=f"{{{{ macros.ds_add(dag_run.run_after | ds, -{DAYS}) }}}}",
        **SUMMARIES,
    )

    @task(trigger_rule="all_done")
    def load() -> dict[str, int]:
        """Load what is landed and not in the warehouse yet; return the rows loaded by table."""
        from duckdb_warehouse import load_reports

        from airflow_provider_planet_reports.landing import landed_reports
        from airflow_provider_planet_reports.landing.destination import connection_of

        landed = landed_reports(DESTINATION, DESTINATION_CONN_ID, **SUMMARIES)
        conn_id = connection_of(DESTINATION, DESTINATION_CONN_ID)
        return load_reports(WAREHOUSE, landed, conn_id=conn_id)

    # [START howto_partitions]
    # Each run names all days again of months that have no row yet: the events of a task that fails
    # are lost, and the warehouse tells what is loaded, whichever run loaded it.
    @task(trigger_rule="all_done", outlets=[days])
    def announce() -> None:
        """Tell of each loaded day of the months that have no row yet: it is a partition."""
        import duckdb
        from duckdb_warehouse import loaded_reports

        from airflow_provider_planet_reports.landing import landed_reports

        with duckdb.connect(WAREHOUSE) as db:
            db.execute(USAGE_BY_MONTH)
            months = {
                month for (month,) in db.execute("FROM usage_by_month SELECT month").fetchall()
            }
        loaded = loaded_reports(WAREHOUSE)
        found = {
            report["data_date_start"][:10]
            for report in landed_reports(DESTINATION, DESTINATION_CONN_ID, **SUMMARIES)
            if report["report_id"] in loaded and report["data_date_start"][:7] not in months
        }
        if found:
            get_current_context()["outlet_events"][days].add_partitions(sorted(found))

    # [END howto_partitions]

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    loaded, announced = load(), announce()
    land >> loaded >> announced
    [land, loaded, announced] >> done()

# [START howto_rollup]
whole_months = RollupMapper(
    upstream_mapper=StartOfMonthMapper(input_format="%Y-%m-%d", output_format="%Y-%m"),
    window=MonthWindow(),
)

with DAG(
    dag_id="planet_reports_months",
    description="Writes down each month's usage when all of its days are loaded.",
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
    def roll_up() -> None:
        """Put the month's usage in the place of what was there of it."""
        import duckdb

        month = get_current_context()["dag_run"].partition_key
        with duckdb.connect(WAREHOUSE) as db:
            db.execute(USAGE_BY_MONTH)
            db.begin()
            db.execute("DELETE FROM usage_by_month WHERE month = ?", [month])
            db.execute(
                "INSERT INTO usage_by_month SELECT ?, item_type, sum(usage::DOUBLE) "
                "FROM summary_daily WHERE strftime(_data_date, '%Y-%m') = ? GROUP BY item_type",
                [month, month],
            )
            db.commit()

    roll_up()
    # [END howto_partition_key]
