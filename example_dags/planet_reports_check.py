"""Every Monday: are we missing a day? Of the last weeks, what is not landed, or not loaded.

It fails when a day that Planet should have a report of has none, or when a report is not landed,
not loaded, or there twice. What is missing is then landed and loaded by one backfill of
``planet_reports_daily.py``.

What it needs is what ``planet_reports_daily.py`` needs.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsCheckOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"

with DAG(
    dag_id="planet_reports_check",
    schedule="0 9 * * 1",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "days": Param(35, type="integer", minimum=1, description="Days to look back."),
        "plan_id": Param(None, type=["integer", "null"], description="Plan; by default each."),
        "report_type": Param(None, enum=["summary", "detailed", None], description="Type."),
    },
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_check]
    PlanetReportsCheckOperator(
        task_id="check",
        destination=DESTINATION,
        warehouse=WAREHOUSE,
        cadence="daily",
        start="{{ macros.ds_add(macros.datetime.utcnow() | ds, -params.days) }}",
        plan_id="{{ params.plan_id or '' }}",
        report_type="{{ params.report_type or '' }}",
    )
    # [END howto_check]
