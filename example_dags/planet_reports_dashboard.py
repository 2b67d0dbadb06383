"""Every morning, when the reports are loaded: a page that shows who used how much, and of what.

It asks the warehouse table that ``planet_reports_daily.py`` loads, and is a DAG of its own: what
Planet names its columns is not published, and a column that has another name here shall not stop
reports from being landed and loaded. The error says which one it is, and ``columns`` mends it.

What it needs is what ``planet_reports_daily.py`` needs, and

* ``PLANET_REPORTS_DASHBOARD``: the folder for the page and its pictures, for example
  ``s3://my-bucket/planet-dashboard``, beside the destination of the reports, not below it; by
  default a folder below ``AIRFLOW_HOME``;
* ``PLANET_REPORTS_DASHBOARD_CONN_ID``: the connection for that bucket.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
DASHBOARD = os.environ.get("PLANET_REPORTS_DASHBOARD") or (HOME / "planet_dashboard").as_uri()
DASHBOARD_CONN_ID = os.environ.get("PLANET_REPORTS_DASHBOARD_CONN_ID") or None
TODAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"
DAY: dict[str, Any] = {"type": ["null", "string"], "format": "date"}

with DAG(
    dag_id="planet_reports_dashboard",
    description="Shows the usage of the last days, on one page with charts.",
    schedule="0 8 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,
    # A DuckDB file that is being loaded can't be read: then it is tried again.
    default_args={"retries": 3, "retry_delay": dt.timedelta(minutes=10)},
    # [START howto_dashboard_params]
    params={
        "days": Param(30, type="integer", minimum=1, maximum=366, description="Days to show."),
        "quota": Param(None, type=["null", "number"], description="What may be used."),
        "quota_start": Param(None, **DAY, description="Its first day; or the first one shown."),
        "quota_end": Param(None, **DAY, description="Its last day, if it has one."),
        "plan_id": Param(None, type=["null", "string"], description="Only this plan."),
        "columns": Param({}, type="object", description="Columns that have other names."),
        "note": Param("", type="string", description="A line at the page's top."),
    },
    # [END howto_dashboard_params]
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_dashboard_task]
    @task
    def dashboard(last: str) -> str:
        """Write the page; return where it is."""
        from usage_dashboard import write_dashboard

        return write_dashboard(
            WAREHOUSE.removeprefix("duckdb://"),
            DASHBOARD,
            last=last,
            destination=DESTINATION,
            destination_conn_id=DESTINATION_CONN_ID,
            dashboard_conn_id=DASHBOARD_CONN_ID,
            **get_current_context()["params"],
        )

    dashboard(last=f"{{{{ macros.ds_add({TODAY}, -1) }}}}")
    # [END howto_dashboard_task]
