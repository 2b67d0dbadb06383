"""Every morning, when the reports are loaded: a page that shows who used how much, and of what.

It reads the warehouse that ``planet_reports_daily.py`` loads, and is a DAG of its own, so that a
page that cannot be made does not stop reports from being landed and loaded. What it needs is what
``planet_reports_daily.py`` needs, the package's extra ``usage-page``, and

* ``PLANET_REPORTS_DASHBOARD``: the folder for the page, for example ``s3://my_aws@my-bucket/usage``,
  beside the destination of the reports, not below it; by default a folder below ``AIRFLOW_HOME``.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_planet_reports.operators.usage_page import PlanetUsagePageOperator

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
DASHBOARD = os.environ.get("PLANET_REPORTS_DASHBOARD") or (HOME / "planet_dashboard").as_uri()

with DAG(
    dag_id="planet_reports_dashboard",
    description="Shows the usage of the last days, and of the quotas, on one page with charts.",
    schedule="0 8 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": dt.timedelta(minutes=10)},
    params={
        "days": Param(30, type="integer", minimum=1, description="Days to show."),
        "note": Param("", type="string", description="A line at the page's top."),
    },
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_dashboard]
    PlanetUsagePageOperator(
        task_id="dashboard",
        warehouse=WAREHOUSE,
        page=DASHBOARD,
        days="{{ params.days }}",
        quotas="planet",  # or {"1001": 500_000}
        note="{{ params.note }}",
    )
    # [END howto_dashboard]
