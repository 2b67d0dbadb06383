"""Every morning: land each report in a task of its own, then load what is landed.

One mapped task a report: many large reports are spread over the workers, and one that fails is
retried alone. For reports by the hundred, let one task land them all, as
``planet_reports_daily.py`` does: it lands several at a time, and a task costs more than a report.

What it needs is what ``planet_reports_daily.py`` needs.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_warehouse import (
    PlanetReportsToWarehouseOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
DETAILED = {"report_type": "detailed", "cadence": "daily"}
DAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_mapped",
    schedule="0 7 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_mapped]
    listing = PlanetReportsListOperator(
        task_id="list",
        destination=DESTINATION,  # only what is not landed yet
        **DETAILED,
        start=f"{{{{ macros.ds_add({DAY}, -7) }}}}",
    )
    land = PlanetReportsToObjectStorageOperator.partial(
        task_id="land",
        destination=DESTINATION,
        max_active_tis_per_dag=8,
    ).expand(reports=listing.output)
    # [END howto_mapped]

    load = PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
        **DETAILED,
        trigger_rule="all_done",
    )

    @task
    def done() -> None:
        """Fail where a task before it failed: a run has the state of its last task."""

    land >> load
    [listing, land, load] >> done()
