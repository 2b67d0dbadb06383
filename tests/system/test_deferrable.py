"""Waiting for a day's reports in the triggerer, in Airflow's own processes."""

from __future__ import annotations

import datetime as dt
import sys

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system


def test_days_are_landed_when_each_plan_has_its_reports_although_the_triggerer_died(airflow_of):
    yesterday = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
    plans = (1001, 2002)
    sandbox = Sandbox(days=3, plans=plans, last_day=yesterday - dt.timedelta(days=1))
    with sandbox.serve() as base_url:
        airflow = airflow_of(
            base_url, sandbox.key, "planet_reports_daily_deferrable.py",
            PLANET_REPORTS_PLAN_IDS="1001,2002",
        )  # fmt: skip

        def state_of(task_id):
            rows = airflow.query(f"SELECT state FROM task_instance WHERE task_id = '{task_id}'")
            return rows[0][0] if rows else None

        def still_waits():
            polls = len(sandbox.exchanges)
            airflow.wait_for("it polls again", lambda: len(sandbox.exchanges) > polls + 3)
            assert state_of("wait") == "deferred"
            assert airflow.landed() == set()

        airflow.wait_for(
            "the sensor waits in the triggerer", lambda: state_of("wait") == "deferred"
        )
        airflow.kill("triggerer")
        airflow.begin("triggerer")
        still_waits()

        new = [
            report
            for report in made_up_reports(
                seed=7, org_id=4321, plans=plans, days=1, last_day=yesterday, part_bytes=0
            )
            if report.cadence == "daily"
        ]
        sandbox.publish(*(report for report in new if report.plan_id == plans[0]))
        still_waits()

        sandbox.publish(*new)
        seconds = airflow.wait_for("it is loaded", lambda: state_of("done") == "success")
        sys.stdout.write(f"from publication to the warehouse: {seconds:.1f} s\n")
        daily = {each["report_id"] for each in sandbox.reports if each["cadence"] == "daily"}
        assert airflow.landed() == daily
        assert airflow.loaded() == dict.fromkeys(daily, 1)
        assert airflow.query("SELECT DISTINCT try_number FROM task_instance") == [(1,)]
