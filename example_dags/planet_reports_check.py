"""Every Monday: are we missing a day? Of the last weeks, what is not landed, or not loaded.

It fails, and so tells whoever is told of failures, when a day that Planet should have a report of
has none, or when one is not landed or not loaded. What is missing is then landed and loaded by
one backfill of ``planet_reports_daily.py``, or by one command; the log says which.

What it needs is what ``planet_reports_daily.py`` needs.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    Param,
    get_current_context,
    task,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or str(HOME / "planet_reports.duckdb")

with DAG(
    dag_id="planet_reports_check",
    description="Tells of days that are not landed, or not loaded.",
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
    @task
    def check() -> dict[str, Any]:
        """Return what there is; fail if a day is missing at Planet, here or in the warehouse."""
        from duckdb_warehouse import loaded_reports

        from airflow_provider_planet_reports.airflow_side.listing import check_completeness

        params = get_current_context()["params"]
        first = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=params["days"])
        found = check_completeness(
            "planet_reports_default",
            {
                "cadence": "daily",
                "start": first,
                "plan_id": params["plan_id"],
                "report_type": params["report_type"],
            },
            DESTINATION,
            DESTINATION_CONN_ID,
            loaded=loaded_reports(WAREHOUSE),
        )
        if found.gaps:
            raise AirflowFailException(
                f"No report: {', '.join(found.periods_that('no report')) or 'none'}. "
                f"Not landed: {', '.join(found.periods_that('not landed')) or 'none'}. "
                f"Not loaded: {', '.join(found.periods_that('not loaded')) or 'none'}. "
                "To land and load what can be, backfill planet_reports_daily over these days."
            )
        return found.to_dict()

    check()
    # [END howto_check]
