"""Many reports landed by the workers of a cluster, one of which dies half-way."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
import time
from collections import Counter

import psutil
import pytest
from cluster import Cluster, redis, worker
from postgres import postgres

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytest.importorskip("airflow.providers.celery", reason="needs the group test-cluster")
pytestmark = pytest.mark.system

#: How many reports are landed. The long form is PLANET_REPORTS_CLUSTER_REPORTS=1000; it also
#: measures how fast that goes.
REPORTS = int(os.environ.get("PLANET_REPORTS_CLUSTER_REPORTS", "90"))
LONG = REPORTS >= 1000
WORKERS = 3
#: Reports of one mapped task.
SIZE = 10


class CountingSandbox(Sandbox):
    """A sandbox that counts how often each part was asked for, and holds them back when told to.

    :param reports: how many reports there are.
    :param latency: seconds before each part.
    """

    def __init__(self, reports, latency=0.0):
        super().__init__(days=0)
        made = made_up_reports(
            seed=1, org_id=self.org_id, plans=(1001,), days=-(-reports // 2),
            last_day=dt.date(2025, 12, 31), part_bytes=0,
        )  # fmt: skip
        self.publish(*[report for report in made if report.cadence == "daily"][:reports])
        self.latency = latency
        self.asked = Counter()
        #: Reports whose parts are held back.
        self.waiting = set()
        self.hold_after = None
        self.goes_on = threading.Event()

    def answer(self, request):
        report_id, _, number = request.path.partition("/v1/")[2].partition("/")
        if number:
            self.asked[report_id, int(number)] += 1
            time.sleep(self.latency)
            if self.hold_after is not None and self.asked.total() > self.hold_after:
                self.waiting.add(report_id)
                self.goes_on.wait(300)
        return super().answer(request)

    def batch_of(self, report_id):
        """Which mapped task lands a report: they are taken in the order of the listing."""
        return list(self._reports).index(report_id) // SIZE


@pytest.fixture
def cluster_of(tmp_path, moto):
    """Start a cluster with a number of workers."""
    started = []
    with postgres() as database, redis(tmp_path) as broker:

        def start(workers, dag="landing_in_batches.py", **settings):
            cluster = Cluster(
                tmp_path / "airflow", (dag,),
                {"AIRFLOW_CONN_S3": json.dumps(moto.connection), **settings},
                database=database, broker=broker, workers=workers,
            )  # fmt: skip
            started.append(cluster)
            cluster.start()
            cluster.wait_for("the workers are ready", cluster.workers_are_ready)
            known = "SELECT 1 FROM serialized_dag"
            cluster.wait_for("the DAG is known", lambda: bool(cluster.query(known)))
            return cluster

        try:
            yield start
        finally:
            for cluster in started:
                cluster.stop()


def receipts_in(objects):
    """Receipts by report id."""
    keys = [key for key in objects if key.startswith("_receipts/") and key.endswith(".json")]
    receipts = [json.loads(objects[key]) for key in keys]
    return {receipt["report"]["report_id"]: receipt for receipt in receipts}


def assert_that_all_is_landed_as_it_was_served(sandbox, objects):
    """Each report has one receipt, which says truly what is there; and nothing else is there."""
    receipts = receipts_in(objects)
    assert receipts.keys() == {report["report_id"] for report in sandbox.reports}
    named = {}
    for report_id, receipt in receipts.items():
        for number, file in enumerate(receipt["files"], 1):
            served = hashlib.sha256(sandbox.part(report_id, number)).hexdigest()
            assert file["sha256"] == served
            assert hashlib.sha256(objects[file["name"]]).hexdigest() == served
            named[report_id, number] = file["name"]
    parts = {
        (report["report_id"], number)
        for report in sandbox.reports
        for number in range(1, len(report["contents"]) + 1)
    }
    assert named.keys() == parts == sandbox.asked.keys()
    assert {key for key in objects if not key.startswith("_receipts/")} == set(named.values())


def test_a_worker_that_dies_half_way_costs_its_batch_a_try_and_nothing_else(cluster_of, moto):
    ground = moto.ground("s3")
    sandbox = CountingSandbox(REPORTS)
    parts = sum(len(report["contents"]) for report in sandbox.reports)
    sandbox.hold_after = parts // 2
    with sandbox.serve() as base_url:
        cluster = cluster_of(WORKERS)
        cluster.connect("at_work", base_url, sandbox.key)
        begun = time.monotonic()
        run = cluster.trigger(
            "lands_in_batches", conn_id="at_work", destination=ground.url, size=SIZE
        )

        def batches_waiting():
            return {sandbox.batch_of(report_id) for report_id in list(sandbox.waiting)}

        cluster.wait_for(
            "all workers wait for parts", lambda: len(batches_waiting()) == WORKERS, seconds=900
        )
        landed_before = receipts_in(ground.visible()).keys()
        cluster.kill(worker(1))
        killed = time.monotonic()
        sandbox.goes_on.set()
        cluster.wait_for("the run is over", lambda: cluster.has_ended(run), seconds=900)
        over = time.monotonic()

    tasks = cluster.tasks(run)
    assert {state for state, _ in tasks.values()} == {"success"}
    (retried,) = [index for (task, index), (_, tries) in tasks.items() if tries > 1]
    assert tasks["land", retried] == ("success", 2)

    objects = ground.visible()
    assert_that_all_is_landed_as_it_was_served(sandbox, objects)
    assert ground.leftovers() == []
    status, said = cluster.attempt("planet-reports", "verify", ground.url)
    assert status == 0, said

    twice = {part for part, times in sandbox.asked.items() if times > 1}
    assert all(sandbox.asked[part] == 2 for part in twice)
    in_flight = {report_id for report_id, _ in twice}
    assert in_flight.isdisjoint(landed_before)
    assert {sandbox.batch_of(report_id) for report_id in in_flight} == {retried}
    assert in_flight

    batches = [index for task, index in tasks if task == "land"]
    announced = Counter(
        report["report_id"] for index in batches for report in cluster.returned(run, "land", index)
    )
    assert announced == Counter(receipts_in(objects).keys()), "each was landed by one task"
    print(
        f"\n{REPORTS} reports, {parts} parts, {len(batches)} tasks, {WORKERS} workers: landed in "
        f"{over - begun:.0f} s, {over - killed:.0f} s of which after one was killed; "
        f"{len(landed_before)} were landed by then, {len(twice)} parts of {len(in_flight)} reports "
        "were asked for again"
    )


def test_the_mapped_example_lands_and_loads_with_all_workers(cluster_of, moto):
    ground, sandbox = moto.ground("s3"), Sandbox(days=7)
    detailed = {
        report["report_id"]
        for report in sandbox.reports
        if (report["report_type"], report["cadence"]) == ("detailed", "daily")
    }
    with sandbox.serve() as base_url:
        cluster = cluster_of(
            WORKERS, "planet_reports_mapped.py", PLANET_REPORTS_DESTINATION=ground.url,
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True",
        )  # fmt: skip
        cluster.connect("planet_reports_default", base_url, sandbox.key)
        run = cluster.run_as_scheduled("planet_reports_mapped")

    tasks = cluster.tasks(run)
    assert set(tasks.values()) == {("success", 1)}
    assert len([task for task, _ in tasks if task == "land"]) == len(detailed)
    assert receipts_in(ground.visible()).keys() == detailed
    assert cluster.loaded() == Counter(detailed)
    logs = [cluster.log(worker(number)).read_text() for number in range(WORKERS)]
    assert all("Executing workload" in log for log in logs)


@pytest.mark.skipif(not LONG, reason="measures: PLANET_REPORTS_CLUSTER_REPORTS=1000")
def test_how_fast_workers_land(cluster_of, moto):
    cluster, ready, lines = cluster_of(1), 1, []
    for workers in (1, WORKERS):
        for number in range(ready, workers):
            cluster.begin(worker(number))
        ready = workers
        cluster.wait_for("the workers are ready", cluster.workers_are_ready)
        for latency, size, reports in ((0, 10, 200), (0.5, 10, 200), (0, 1, 60)):
            lines.append(measured(cluster, moto, workers, latency, size, reports))
    print("\n| workers | latency | reports a task | seconds | reports/s | cores busy | CPU s |")
    print("|---|---|---|---|---|---|---|", *lines, sep="\n")


def measured(cluster, moto, workers, latency, size, reports):
    """Land reports; return a line for the table."""
    ground, sandbox = moto.ground("s3"), CountingSandbox(reports, latency)
    conn_id = f"with_{workers}_{size}_{'latency' if latency else 'none'}"
    with sandbox.serve() as base_url:
        cluster.connect(conn_id, base_url, sandbox.key)
        used, idle = Counter(cluster.cpu_seconds()), psutil.cpu_times().idle
        begun = time.monotonic()
        run = cluster.trigger(
            "lands_in_batches", conn_id=conn_id, destination=ground.url, size=size
        )
        cluster.wait_for("the run is over", lambda: cluster.has_ended(run), seconds=900)
        seconds = time.monotonic() - begun
        busy = psutil.cpu_count() * seconds - (psutil.cpu_times().idle - idle)
        used = Counter(cluster.cpu_seconds()) - used
    assert {state for state, _ in cluster.tasks(run).values()} == {"success"}
    assert_that_all_is_landed_as_it_was_served(sandbox, ground.visible())
    assert set(sandbox.asked.values()) == {1}
    # What is left are the database, the broker, both servers, and what else the machine does.
    used["others"] = busy - used.total()
    spent = ", ".join(f"{name} {each:.0f}" for name, each in used.most_common() if each >= 0.5)
    return (
        f"| {workers} | {latency} s | {size} | {seconds:.0f} | {reports / seconds:.1f} | "
        f"{busy / seconds:.1f} of {psutil.cpu_count()} | {spent} |"
    )
