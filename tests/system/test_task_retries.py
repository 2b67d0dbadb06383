"""Tasks that die when all is landed, and Airflow's own retries of them."""

from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system

YESTERDAY = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
REPORTS = [
    report
    for report in made_up_reports(
        seed=1, org_id=4321, plans=(1001,), days=1, last_day=YESTERDAY, part_bytes=0
    )
    if report.cadence == "daily"
]
IDS = sorted(report.report_id for report in REPORTS)


def sandbox_with(*reports):
    sandbox = Sandbox(days=0)
    sandbox.publish(*reports)
    return sandbox


def downloads(sandbox):
    """The parts that were asked for, in order."""
    paths = sorted(path.partition("?")[0] for _, path, _ in sandbox.exchanges)
    return [path for path in paths if path.rpartition("/")[2].isdigit()]


def test_what_a_task_landed_before_it_died_its_retry_returns_and_nobody_else(airflow, tmp_path):
    sandbox = sandbox_with(*REPORTS)
    with sandbox.serve() as base_url:
        airflow.connect("dies", base_url, sandbox.key)
        given = {"conn_id": "dies", "destination": (tmp_path / "landing").as_uri()}
        died = airflow.run("dies", **given)

        tasks = airflow.tasks(died)
        assert {state for state, _ in tasks.values()} == {"success"}
        dying = {task: tries for task, (_, tries) in tasks.items() if tries > 1}
        assert dying == {("killed", -1): 2, ("raises", -1): 2, ("mapped", 0): 2, ("mapped", 1): 2}
        for death in ("killed", "raises", "mapped"):
            assert airflow.returned(died, f"load_{death}") == IDS, death
        parts = downloads(sandbox)
        assert parts == sorted(3 * sorted(set(parts))), "once for each of the three destinations"

        later = airflow.run("dies", survives=True, **given)
        assert airflow.run_state(later) == "success"
        for death in ("killed", "raises"):
            assert airflow.returned(later, f"load_{death}") == []
            assert airflow.returned(later, death) == []
        assert ("mapped", -1) in airflow.tasks(later), "nothing is listed to be mapped"
        assert downloads(sandbox) == parts


def test_what_a_deferred_sensor_found_is_returned_by_the_retry_of_the_task_that_landed_it_and_died(
    airflow, tmp_path
):
    sandbox = sandbox_with()
    with sandbox.serve() as base_url:
        airflow.connect("waits_and_dies", base_url, sandbox.key)
        destination = (tmp_path / "landing").as_uri()
        run = airflow.trigger("waits_and_dies", conn_id="waits_and_dies", destination=destination)
        airflow.wait_for(
            "the sensor is deferred", lambda: airflow.tasks(run)["wait", -1][0] == "deferred"
        )
        sandbox.publish(*REPORTS)
        airflow.wait_for("the run is over", lambda: airflow.has_ended(run))

        assert airflow.tasks(run)["land", -1] == ("success", 2)
        assert airflow.returned(run, "load") == IDS
        assert len(downloads(sandbox)) == len(set(downloads(sandbox)))
