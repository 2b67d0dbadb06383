"""Every morning: usage and quotas as FOCUS 1.2, the FinOps Foundation's format of cost and usage.

It reads the warehouse that ``planet_reports_daily.py`` loads, and writes the last billing periods
as ``billing_period=2026-11/planet.parquet``, each whole, in place of the one before.
``planet_reports_focus.sql`` beside this file has the mapping: a quota is a purchase in the period
in which its contract begins; usage is billed at 0, and its effective cost is its part of the
contract's price. The figures are those of reports and of what you enter. They are no invoice.

It needs the extra ``duckdb``, the param ``contracts``, and ``PLANET_REPORTS_FOCUS``: the folder for
the files, as URL; by default one below ``AIRFLOW_HOME``.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow.providers.common.compat.sdk import DAG, Param, get_current_context, task

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
FOCUS = os.environ.get("PLANET_REPORTS_FOCUS") or (HOME / "planet_focus").as_uri()
SQL = Path(__file__).with_suffix(".sql")
# Without a price in unit_prices, an item type costs price / quota.
CONTRACT = {
    "plan_id": "1001", "start": "2026-01-01", "end": "2026-12-31", "price": 50_000,
    "quota": 100_000, "unit": "Square Kilometers", "unit_prices": {"SkySatCollect": 2.5},
}  # fmt: skip

with DAG(
    dag_id="planet_reports_focus",
    schedule="30 8 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    max_active_runs=1,
    params={
        "months": Param(2, type="integer", minimum=1, description="Billing periods to write."),
        "currency": Param("USD", description="Currency of the prices, ISO 4217."),
        "account": Param("planet", description="Organization that is billed."),
        "contracts": Param([CONTRACT], type="array", description="What each plan costs, and when."),
    },
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_focus]
    @task
    def focus() -> list[str]:
        """Write the billing periods; return the files' names."""
        import duckdb

        from airflow_provider_planet_reports.landing.stores.opening import open_store
        from airflow_provider_planet_reports.usage_page.folder import put_files
        from airflow_provider_planet_reports.warehouse.opening import open_warehouse

        params = get_current_context()["params"]
        with closing(open_warehouse(WAREHOUSE, read_only=True)) as warehouse:
            rows = warehouse.execute("SELECT day, plan_id, item_type, usage FROM usage_daily")
        newest = max(row[0] for row in rows)
        last = newest.year * 12 + newest.month - 1
        files = {}
        with duckdb.connect() as db, TemporaryDirectory() as folder:
            db.execute(
                "CREATE TABLE usage_daily (day DATE, plan_id TEXT, item_type TEXT, usage FLOAT8)"
            )
            db.executemany("INSERT INTO usage_daily VALUES (?, ?, ?, ?)", rows)
            db.execute("SET VARIABLE contracts = ?", [json.dumps(params["contracts"])])
            db.execute("SET VARIABLE currency = ?", [params["currency"]])
            db.execute("SET VARIABLE account = ?", [params["account"]])
            for month in range(last + 1 - params["months"], last + 1):
                period = dt.date(month // 12, month % 12 + 1, 1)
                db.execute("SET VARIABLE period = ?", [period])
                path = Path(folder, "planet.parquet")
                db.sql(SQL.read_text()).write_parquet(str(path))
                files[f"billing_period={period:%Y-%m}/{path.name}"] = path.read_bytes()
        put_files(open_store(FOCUS), files)
        return list(files)

    focus()
    # [END howto_focus]
