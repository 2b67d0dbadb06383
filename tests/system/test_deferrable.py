"""Waiting for a day's reports in the triggerer, in Airflow's own processes."""

from __future__ import annotations

import datetime as dt
import sys

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system


def test_a_day_is_landed_when_it_is_published_although_the_triggerer_died(airflow_of):
    yesterday = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
    sandbox = Sandbox(days=3, plans=(1001,), last_day=yesterday - dt.timedelta(days=1))
    with sandbox.serve() as base_url:
        airflow = airflow_of(base_url, sandbox.key, "planet_reports_daily_deferrable.py")

        def state_of(task_id):
            rows = airflow.query(f"SELECT state FROM task_instance WHERE task_id = '{task_id}'")
            return rows[0][0] if rows else None

        airflow.wait_for(
            "the sensor waits in the triggerer", lambda: state_of("wait") == "deferred"
        )
        airflow.kill("triggerer")
        airflow.begin("triggerer")
        polls = len(sandbox.exchanges)
        airflow.wait_for("it polls again", lambda: len(sandbox.exchanges) > polls + 3)
        assert state_of("wait") == "deferred"
        assert airflow.landed() == set()

        new = made_up_reports(
            seed=7, org_id=4321, plans=(1001,), days=1, last_day=yesterday, part_bytes=0
        )
        new = [report for report in new if report.cadence == "daily"]
        sandbox.publish(*new)
        seconds = airflow.wait_for("it is loaded", lambda: state_of("load") == "success")
        sys.stdout.write(f"from publication to the warehouse: {seconds:.1f} s\n")
        assert airflow.landed() == {report.report_id for report in new}
        assert airflow.loaded() == {report.report_id: 1 for report in new}
        assert airflow.query("SELECT DISTINCT try_number FROM task_instance") == [(1,)]
