"""Missing days are found by one DAG and filled by one backfill, in Airflow's own processes."""

from __future__ import annotations

import datetime as dt
import shlex
from collections import Counter

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports.sandbox import Sandbox

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system

#: Days that are checked. Planet has one more: the first run of the backfill looks back two days.
DAYS = 10


def test_one_backfill_lands_and_loads_the_days_that_the_check_misses(airflow_of):
    yesterday = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
    sandbox = Sandbox(days=DAYS + 1, plans=(1001,), last_day=yesterday)
    with sandbox.serve() as base_url:
        airflow = airflow_of(
            base_url, sandbox.key, "planet_reports_daily.py", "planet_reports_check.py",
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True",
        )  # fmt: skip
        airflow.run_as_scheduled("planet_reports_daily")
        airflow.run("planet_reports_daily")  # before six, yesterday's run is the latest scheduled
        airflow.unpause("planet_reports_check")
        missed = airflow.run("planet_reports_check", days=DAYS)
        assert airflow.run_state(missed) == "failed"

        # A run is for the day before it: those of the three oldest days.
        first = yesterday - dt.timedelta(days=DAYS - 2)
        busy = ("scheduler", "dag-processor", "triggerer")
        for component in busy:  # SQLite, which only tests have, has one writer
            airflow.kill(component)
        said = airflow.command(*documented(first, first + dt.timedelta(days=3)))
        for component in busy:
            airflow.begin(component)
        runs = "SELECT state FROM dag_run WHERE run_type = 'backfill'"
        airflow.wait_for("the backfill is made", lambda: airflow.query(runs))
        airflow.wait_for(
            "it is through", lambda: {state for (state,) in airflow.query(runs)} == {"success"}
        )
        assert len(airflow.query(runs)) == 3, said

        daily = {each["report_id"] for each in sandbox.reports if each["cadence"] == "daily"}
        assert airflow.landed() == daily
        assert airflow.loaded() == Counter(daily)
        found = airflow.run("planet_reports_check", days=DAYS)
        assert airflow.run_state(found) == "success"
        assert airflow.returned(found, "check")["loaded"] == 2 * DAYS


def documented(first, last):
    """The command of the how-to, for other days."""
    page = (TESTS.parent / "docs" / "howto" / "completeness.rst").read_text()
    command = page.partition("   airflow backfill create")[2].partition("\n\n")[0]
    words = ["backfill", "create", *shlex.split(command.replace("\\\n", " "))]
    for option, day in (("--from-date", first), ("--to-date", last)):
        words[words.index(option) + 1] = day.isoformat()
    return words
