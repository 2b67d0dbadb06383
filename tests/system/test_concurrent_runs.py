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


def content_of(destination):
    """What is landed: digests of the parts by receipt. Nothing else is there, and no receipt lies.

    Names of files differ from landing to landing.
    """
    files = {
        path.relative_to(destination).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in destination.glob("report_type=*/**/*")
        if path.is_file()
    }
    receipts = {
        path.relative_to(destination).as_posix(): json.loads(path.read_bytes())
        for path in destination.glob("_receipts/**/*.json")
    }
    named = {file["name"]: file["sha256"] for each in receipts.values() for file in each["files"]}
    assert named == files
    return {
        name: [file["sha256"] for file in receipt["files"]] for name, receipt in receipts.items()
    }


def test_of_three_runs_at_once_one_lands_each_report_and_nothing_else_is_left(airflow, tmp_path):
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

    assert content_of(tmp_path / "together") == content_of(tmp_path / "alone")
    returned = Counter(each["report_id"] for run in runs for each in airflow.returned(run, "land"))
    assert returned == Counter(report["report_id"] for report in sandbox.reports)
