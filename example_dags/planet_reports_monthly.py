"""Every morning: land and load daily summaries; run again for each month that has changed.

Months are a view in the warehouse, ``usage_by_month``, which is right whenever it is asked. Where a
task has to run when a month has changed, partitions start it (Airflow 3.3 or later):

* the DAG ``planet_reports_days`` lands and loads; each day that a run loaded, whichever run landed
  it, is a partition of the asset;
* the DAG ``planet_reports_months`` runs for the month of such a day, again for every change. It is
  skipped as long as a plan misses a day of the month: the view says how many.

What it needs is what ``planet_reports_daily.py`` needs, with a DuckDB file as warehouse.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, get_current_context, task

from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.transfers import planet_reports_to_object_storage as storage
from airflow_provider_planet_reports.transfers import planet_reports_to_warehouse as warehouse

try:
    from airflow.sdk import PartitionedAssetTimetable, StartOfMonthMapper
except ImportError:
    raise ImportError("planet_reports_monthly.py needs Airflow 3.3 or later.") from None

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
SUMMARIES = {"report_type": "summary", "cadence": "daily"}
START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
days = report_asset(**SUMMARIES)

# [START howto_months]
with DAG("planet_reports_days", schedule="0 6 * * *", start_date=START, catchup=False):
    land = storage.PlanetReportsToObjectStorageOperator(
        task_id="land", destination=DESTINATION, **SUMMARIES
    )
    load = warehouse.PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
        outlets=[days],
        emit_partitions=True,
        trigger_rule="all_done",
        **SUMMARIES,
    )

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    land >> load
    [land, load] >> done()

month_of = StartOfMonthMapper(input_format="%Y-%m-%d", output_format="%Y-%m")
changed = PartitionedAssetTimetable(assets=days, default_partition_mapper=month_of)
with DAG("planet_reports_months", schedule=changed, catchup=False):

    @task
    def usage() -> dict[str, float]:
        """Return the month's usage by item type."""
        import duckdb

        month = get_current_context()["dag_run"].partition_key
        with duckdb.connect(WAREHOUSE.removeprefix("duckdb://"), read_only=True) as db:
            columns = "item_type, sum(usage), max(missing) FROM usage_by_month"
            rows = db.execute(f"SELECT {columns} WHERE month = ? GROUP BY 1", [month]).fetchall()
        if any(missing for _, _, missing in rows):
            raise AirflowSkipException(f"Not every plan has a report for all days of {month}.")
        return {item_type: usage for item_type, usage, _ in rows if item_type}

    usage()
# [END howto_months]
