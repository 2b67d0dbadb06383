"""Runs of one DAG at the same time, in Airflow's own processes."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system

RUNS = 3


class MeetingPlace(Sandbox):
    """A sandbox that answers no listing before as many have been asked for as there are runs."""

    def __init__(self, **options):
        super().__init__(**options)
        self.barrier = threading.Barrier(RUNS)

    def answer(self, request):
        if request.path.rstrip("/").endswith("/v1") and not self.barrier.broken:
            self.barrier.wait(timeout=300)
        return super().answer(request)


def state_of(destination):
    """All that is in a destination, receipts without who landed the report and when."""
    state = {}
    for path in destination.rglob("*"):
        name = path.relative_to(destination).as_posix()
        if name == "_receipts/_index.json.gz" or path.is_dir():
            continue
        if name.startswith("_receipts/"):
            receipt = json.loads(path.read_bytes())
            state[name] = {**receipt, "landed_by": None, "landed_at": None}
        else:
            state[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return state


def test_three_runs_at_once_leave_what_one_leaves_and_announce_everything(airflow, tmp_path):
    sandbox = MeetingPlace(days=3)
    with sandbox.serve() as base_url:
        airflow.connect("at_once", base_url, sandbox.key)
        together = {"conn_id": "at_once", "destination": (tmp_path / "together").as_uri()}
        runs = [airflow.trigger("lands", **together) for _ in range(RUNS)]
        for run in runs:
            airflow.wait_for("the run is over", lambda run=run: airflow.has_ended(run))
        assert [airflow.tasks(run) for run in runs] == RUNS * [{("land", -1): ("success", 1)}]

        sandbox.barrier.abort()
        airflow.run("lands", conn_id="at_once", destination=(tmp_path / "alone").as_uri())

    state = state_of(tmp_path / "together")
    assert state == state_of(tmp_path / "alone")
    ids = {report["report_id"] for report in sandbox.reports}
    receipts = [each for name, each in state.items() if name.startswith("_receipts/")]
    assert {receipt["report"]["report_id"] for receipt in receipts} == ids
    files = {file["name"]: file["sha256"] for each in receipts for file in each["files"]}
    assert files == {name: each for name, each in state.items() if isinstance(each, str)}

    returned = [airflow.returned(run, "land") for run in runs]
    assert all({each["report_id"] for each in landed} == ids for landed in returned)
    announced = Counter(each["report_id"] for landed in returned for each in landed if each["new"])
    assert set(announced) == ids
    print(f"announced as new: {announced.total()} times, {len(ids)} reports")
