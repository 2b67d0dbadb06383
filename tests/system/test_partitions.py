"""One DAG run per report date, in Airflow's own processes."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_planet_reports.airflow_side.outlet_events import check_partitions
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.sandbox import Sandbox

try:
    check_partitions()
except InvalidInput as error:
    pytest.skip(str(error), allow_module_level=True)
pytestmark = pytest.mark.system


def test_every_day_and_every_month_of_reports_gets_a_run_of_its_own(airflow_of):
    sandbox = Sandbox(days=4, last_day=dt.date(2026, 11, 2), plans=(1001,))
    with sandbox.serve() as base_url:
        airflow = airflow_of(base_url, sandbox.key, "partitions.py")
        wanted = {
            ("each_day", r["data_date_start"])
            if r["cadence"] == "daily"
            else ("each_month", r["data_date_start"][:7])
            for r in sandbox.reports
        }
        assert {dag_id for dag_id, _ in wanted} == {"each_day", "each_month"}

        def runs():
            return airflow.query(
                "SELECT dag_id, partition_key FROM dag_run "
                "WHERE dag_id <> 'land' AND state = 'success'"
            )

        airflow.wait_for("there is a run for each", lambda: len(runs()) >= len(wanted), 540)
        assert sorted(runs()) == sorted(wanted)  # one each, and none without a key
        assert len(airflow.landed()) == len(sandbox.reports)
