"""The rate limit of one account, shared by all workers, in Airflow's own processes."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system

LIMIT = 10
SLOTS = 2
#: Less than the four fifths that docs/howto/pace.rst says: on a machine that runs other tests, too,
#: requests may be held up for longer than a quarter of a second.
PACE = 0.6 * (LIMIT // SLOTS)
REPORTS = {"days": 30, "last_day": dt.date(2026, 11, 15)}


@pytest.fixture(scope="module")
def pool(airflow):
    """The pool of the account; without one, Airflow runs more tasks at a time."""
    airflow.rest("POST", "pools", {"name": "planet_account", "slots": SLOTS})
    return "planet_account"


def land(airflow, tmp_path, pool, **extra):
    """Land everything, in a pool, with a connection of its own; return the sandbox and the run."""
    sandbox = Sandbox(requests_per_second=LIMIT, **REPORTS)
    name = f"{pool}_{'paced' if extra else 'unpaced'}"
    with sandbox.serve() as base_url:
        airflow.connect(name, base_url, sandbox.key, max_retries=10, **extra)
        destination = tmp_path / name
        run = airflow.run(f"lands_in_{pool}", conn_id=name, destination=destination.as_uri())
    landed = {path.stem for path in destination.glob("_receipts/**/*.json")}
    assert landed == {report["report_id"] for report in sandbox.reports}
    tasks = airflow.tasks(run)
    assert set(tasks.values()) == {("success", 1)}
    statuses = Counter(status for _, _, status in sandbox.exchanges)
    print(
        f"{name}: {statuses[200]} answers, {statuses[429]} refusals, {sandbox.busiest_second} in "
        f"the busiest second, {at_a_time(airflow, run)} of {len(tasks) - 2} tasks at a time"
    )
    return sandbox, statuses, at_a_time(airflow, run)


def at_a_time(airflow, run):
    """How many of a run's landing tasks were under way at most."""
    spans = airflow.query(
        f"SELECT start_date, end_date FROM task_instance WHERE run_id = '{run}' "
        "AND task_id = 'land'"
    )
    return max(sum(begin <= at < end for begin, end in spans) for at, _ in spans)


def test_a_pool_and_a_pace_keep_all_workers_together_below_the_limit(airflow, tmp_path, pool):
    sandbox, statuses, tasks = land(airflow, tmp_path, pool, requests_per_second=PACE)
    assert tasks == SLOTS
    assert set(statuses) == {200}
    assert LIMIT // SLOTS < sandbox.busiest_second <= LIMIT


def test_a_pool_alone_does_not_and_what_is_refused_is_landed_later(airflow, tmp_path, pool):
    sandbox, statuses, tasks = land(airflow, tmp_path, pool)
    assert tasks == SLOTS
    assert sandbox.busiest_second > LIMIT
    assert statuses[429] > 0


def test_nor_does_a_pace_alone(airflow, tmp_path):
    sandbox, statuses, tasks = land(airflow, tmp_path, "default_pool", requests_per_second=PACE)
    assert tasks > SLOTS
    assert sandbox.busiest_second > LIMIT
    assert statuses[429] > 0
