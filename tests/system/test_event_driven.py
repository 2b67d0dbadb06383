"""New reports, from their publication to the warehouse, in Airflow's own processes."""

from __future__ import annotations

import datetime as dt
import os
import random
import time
from collections import Counter

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="assets have watchers from Airflow 3.0 on")
pytestmark = pytest.mark.system

#: How often the triggerer is killed. The long form is PLANET_REPORTS_KILLS=20.
KILLS = int(os.environ.get("PLANET_REPORTS_KILLS", "3"))
TODAY = dt.datetime.now(dt.timezone.utc).date()


def day_of_reports(days_ago):
    """The reports of one day; a seed of its own gives them ids of their own."""
    return list(
        made_up_reports(
            seed=1000 + days_ago, org_id=4321, plans=(1001,), days=1,
            last_day=TODAY - dt.timedelta(days=days_ago), part_bytes=0,
        )
    )  # fmt: skip


class Chain:
    """What has become of the reports that were published."""

    def __init__(self, airflow, sandbox):
        self.airflow, self.sandbox = airflow, sandbox

    def is_through(self):
        everything = {report["report_id"] for report in self.sandbox.reports}
        return everything == self.airflow.landed() == set(self.airflow.loaded())

    def downloads(self):
        """How often each part was asked for."""
        return Counter(
            path.partition("?")[0]
            for method, path, _ in self.sandbox.exchanges
            if path.partition("?")[0].rpartition("/")[2].isdigit()
        )


def test_what_is_published_is_landed_and_loaded_once_whatever_becomes_of_the_triggerer(airflow_of):
    sandbox = Sandbox(days=2, plans=(1001,))
    with sandbox.serve() as base_url:
        airflow = airflow_of(base_url, sandbox.key, "planet_reports_event_driven.py")
        chain = Chain(airflow, sandbox)
        airflow.wait_for("the first reports are loaded", chain.is_through)

        sandbox.publish(*day_of_reports(0))
        seconds = airflow.wait_for("a report published while it runs is loaded", chain.is_through)
        print(f"from publication to the warehouse: {seconds:.1f} s")

        # The triggerer dies somewhere between two polls, telling of a late report, having its event
        # stored, or while that is landed and loaded.
        for kill in range(KILLS):
            polls = len(sandbox.exchanges)
            airflow.wait_for("it polls", lambda polls=polls: len(sandbox.exchanges) > polls)
            sandbox.publish(*day_of_reports(5 + kill))
            time.sleep(random.random() * random.choice((1, 4, 15)))
            airflow.kill("triggerer")
            airflow.begin("triggerer")
        seconds = airflow.wait_for("all is loaded in the end", chain.is_through)
        print(f"{KILLS} kills; whole {seconds:.1f} s after the last one")

        assert set(chain.downloads().values()) == {1}
        assert set(airflow.loaded().values()) == {1}
        states = airflow.query("SELECT dag_id, state, count(*) FROM dag_run GROUP BY 1, 2")
        print(states)
        assert all(state in ("success", "running", "queued") for _, state, _ in states)
        refused = [exchange for exchange in sandbox.exchanges if exchange[2] >= 400]
        assert not refused


def test_a_run_that_failed_is_started_again_until_all_is_landed(airflow_of):
    sandbox = Sandbox(days=1, plans=(1001,))
    with sandbox.serve() as base_url:
        airflow = airflow_of(base_url, sandbox.key, "reminded.py")
        everything = {report["report_id"] for report in sandbox.reports}
        airflow.wait_for("all is landed", lambda: airflow.landed() == everything)

        def states():
            return [state for (state,) in airflow.query("SELECT state FROM dag_run ORDER BY id")]

        airflow.wait_for("the run has ended", lambda: "success" in states())
        assert states()[0] == "failed"

        def is_silent_for_15_polls():
            """Three times as long as it waits before it reminds; events may be on their way."""
            events, polls = count_events(), len(sandbox.exchanges)
            airflow.wait_for("it polls on", lambda: len(sandbox.exchanges) > polls + 15)
            return count_events() == events

        def count_events():
            return airflow.rest("GET", "assets/events?limit=1")["total_entries"]

        airflow.wait_for("what is landed starts no more runs", is_silent_for_15_polls)
