"""Run the daily example and the dashboard in a real Airflow, here and now.

Without a key it starts the sandbox, which is not Planet: all figures are made up. With
``PL_API_KEY`` set to the API key of an organization administrator it uses Planet's API.
Everything it writes is below ``.quickstart/`` in the current folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

DAYS = 14
DAYS_SHOWN = 7  # the page compares them with as many before
PATHS_SHOWN = 8
#: What stands at the top of the sandbox's page.
NOTE = "Made-up figures from the sandbox, which is not Planet."
HERE = Path(__file__).resolve().parent


def main() -> None:
    """Land, load, and show what came of it."""
    with api() as (name, connection):
        home = Path(".quickstart", name).resolve()
        prepare_airflow(home, connection)
        before = landed(home)
        loaded = run_daily()
        report(before, landed(home), loaded, warehouse=home / "planet_reports.duckdb")
        run_dashboard(NOTE if name == "sandbox" else "")


@contextmanager
def api() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the API's name and connection: Planet's where there is a key, else the sandbox's."""
    key = os.environ.get("PL_API_KEY")
    if key:
        say(f"Using Planet's Reports API with PL_API_KEY, reports of the last {DAYS} days.")
        yield "planet", {"conn_type": "planet_reports", "login": key}
        return
    from airflow_provider_planet_reports.sandbox import Sandbox

    sandbox = Sandbox(days=DAYS)
    with sandbox.serve() as base_url:
        say(
            "No PL_API_KEY is set: using the sandbox, which is not Planet; all reports and "
            f"figures are made up.\nIt serves {len(sandbox.reports)} reports at {base_url}, "
            f"those of the last {DAYS} days are wanted."
        )
        yield (
            "sandbox",
            {"conn_type": "planet_reports", "login": sandbox.key, "host": base_url},
        )


def prepare_airflow(home: Path, connection: dict[str, Any]) -> None:
    """Set up an Airflow of its own below a folder; everything before Airflow is imported."""
    home.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        AIRFLOW_HOME=str(home),
        AIRFLOW__CORE__DAGS_FOLDER=str(HERE),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home / 'airflow.db'}",
        AIRFLOW__LOGGING__LOGGING_LEVEL="WARNING",
        AIRFLOW__LOGGING__NAMESPACE_LEVELS=(
            "py.warnings=ERROR airflow_provider_planet_reports=INFO"
        ),
        AIRFLOW_CONN_PLANET_REPORTS_DEFAULT=json.dumps(connection),
    )
    ready = home / "airflow.ready"
    if not ready.exists():
        say("Preparing Airflow's database (once) ...")
        made = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            sys.exit(f"Airflow's database could not be prepared:\n{made.stdout}{made.stderr}")
        ready.touch()


def landed(home: Path) -> dict[str, dict[str, Any]]:
    """Return what is landed, by receipt."""
    from airflow_provider_planet_reports.landing import landed_reports

    reports = landed_reports((home / "planet_reports").as_uri())
    return {report["receipt"]: report for report in reports}


def run_daily() -> dict[str, int]:
    """Run the daily DAG; return the rows that it loaded, by table."""
    from planet_reports_daily import dag

    run = run_dag(dag, {"days": DAYS})
    if run.state != "success":
        sys.exit(f"The DAG run ended as {run.state}; the lines above say why.")
    loaded: dict[str, int] = run.get_task_instance(task_id="load").xcom_pull(task_ids="load")[
        "tables"
    ]
    return loaded


def run_dashboard(note: str) -> None:
    """Run the dashboard's DAG, and say where its page is."""
    from planet_reports_dashboard import dag

    run = run_dag(dag, {"days": DAYS_SHOWN, "note": note})
    if run.state != "success":
        sys.exit("The reports are landed and loaded, but there is no page; see the lines above.")
    page = run.get_task_instance(task_id="dashboard").xcom_pull(task_ids="dashboard")
    say(f"\nThe usage dashboard is a page, made to be opened in a browser:\n  {page}")


def run_dag(dag: Any, conf: dict[str, Any]) -> Any:
    """Run a DAG in this process."""
    say(f"Running the DAG {dag.dag_id} ...")
    return dag.test(run_conf=conf)


def report(
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    loaded: Mapping[str, int],
    warehouse: Path,
) -> None:
    """Print what was landed and loaded, and a first look at the usage."""
    new = after.keys() - before.keys()
    files = [file for receipt in sorted(new) for file in after[receipt]["files"]]
    say("")
    if new:
        size = sum(file["bytes"] for file in files)
        say(f"Landed {len(new)} reports, {len(files)} files, {size:,} bytes:")
        for file in files[:PATHS_SHOWN]:
            say(f"  {file['uri']}")
        if len(files) > PATHS_SHOWN:
            say(f"  ... and {len(files) - PATHS_SHOWN} more beside them")
    else:
        say(f"All {len(after)} reports are landed already.")
    rows = ", ".join(f"{count:,} rows into {table}" for table, count in loaded.items())
    say(f"Loaded {rows or 'nothing: the warehouse has them all'} ({warehouse}).")
    show_usage(warehouse)


def show_usage(warehouse: Path) -> None:
    """Print the usage by day and item type, where the reports have such columns."""
    import duckdb

    with duckdb.connect(str(warehouse), read_only=True) as db:
        columns = {
            row[0]
            for row in db.execute(
                "SELECT column_name FROM duckdb_columns() WHERE table_name = 'summary_daily'"
            ).fetchall()
        }
        if not columns:
            say("There is no daily summary report in the warehouse to be shown.")
        elif {"date", "item_type", "downloads", "usage"} <= columns:
            say("\nUsage by day and item type, from the table summary_daily:")
            db.sql(
                "SELECT date, item_type, sum(downloads::BIGINT) AS downloads, "
                "sum(usage::DECIMAL(18, 2)) AS usage FROM summary_daily "
                f"WHERE _data_date > (SELECT max(_data_date) FROM summary_daily) - {DAYS_SHOWN} "
                "GROUP BY ALL ORDER BY date DESC, item_type"
            ).show(max_rows=3 * DAYS_SHOWN)
        else:
            say(f"\nRows by day in the table summary_daily; its columns: {sorted(columns)}")
            db.sql(
                "SELECT _data_date, count(*) AS rows FROM summary_daily "
                "GROUP BY ALL ORDER BY ALL DESC"
            ).show(max_rows=DAYS)


def say(line: str) -> None:
    """Print at once: Airflow's own lines come in between."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
