"""A task under way that somebody ends: Airflow signals its process, and kills it 5 s later."""

from __future__ import annotations

import re
import threading

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system


class StallingSandbox(Sandbox):
    """A sandbox that sends half of each file of detailed reports, and then waits."""

    def __init__(self):
        super().__init__(days=1, plans=(1001,), part_bytes=8 * 2**20)
        self.goes_on = threading.Event()
        self.detailed = {
            each["report_id"] for each in self.reports if each["report_type"] == "detailed"
        }

    def answer(self, request):
        answer = super().answer(request)
        report_id, _, number = request.path.partition("/v1/")[2].partition("/")
        if number and report_id in self.detailed and not self.goes_on.is_set():
            data = b"".join(answer.body)
            answer.body = self._halves(data)
        return answer

    def _halves(self, data):
        yield data[: len(data) // 2]
        self.goes_on.wait(600)
        yield data[len(data) // 2 :]


class Victim:
    """A task that hangs in the middle of all parts of detailed reports; the others are landed."""

    def __init__(self, airflow, sandbox, destination):
        self.airflow, self.destination = airflow, destination
        conn_id = destination.parent.name
        airflow.connect(conn_id, sandbox.base_url, sandbox.key)
        self.given = {"conn_id": conn_id, "destination": destination.as_uri()}
        self.run = airflow.trigger("lands", **self.given)
        rest = {each["report_id"] for each in sandbox.reports} - sandbox.detailed
        airflow.wait_for(
            "it hangs in the middle of parts", lambda: self.hidden() and self.receipts() == rest
        )
        sql = f"SELECT pid FROM task_instance WHERE run_id = '{self.run}'"
        self.pid = airflow.query(sql)[0][0]

    def files(self):
        return [path for path in self.destination.rglob("*") if path.is_file()]

    def hidden(self):
        return [path for path in self.files() if path.parent.name == ".unfinished"]

    def receipts(self):
        return {path.stem for path in self.destination.glob("_receipts/**/*.json")}

    def assert_that_it_went_by_itself(self):
        exits = re.compile(rf"Process exited .*\bpid={self.pid}\b.*")
        log = self.airflow.log("scheduler")
        self.airflow.wait_for("its process is gone", lambda: exits.search(log.read_text()))
        end = exits.search(log.read_text()).group()
        assert "signal_sent=SIGTERM" in end
        assert re.search(r"exit_code=[01] ", end), "killed, it would be -9"


@pytest.fixture
def sandbox():
    sandbox = StallingSandbox()
    with sandbox.serve():
        yield sandbox
        sandbox.goes_on.set()


def ids_of(landed):
    return {each["report_id"] for each in landed}


def test_a_task_that_is_marked_failed_goes_by_itself_and_leaves_nothing_half(
    airflow, sandbox, tmp_path
):
    victim = Victim(airflow, sandbox, tmp_path / "landing")
    task = f"dags/lands/dagRuns/{victim.run}/taskInstances/land"
    airflow.rest("PATCH", task, {"new_state": "failed"})
    victim.assert_that_it_went_by_itself()
    assert airflow.tasks(victim.run) == {("land", -1): ("failed", 1)}
    assert not victim.hidden()
    assert not [path for path in victim.files() if "report_type=detailed" in path.as_posix()]

    sandbox.goes_on.set()
    landed = airflow.returned(airflow.run("lands", **victim.given), "land")
    assert victim.receipts() == {each["report_id"] for each in sandbox.reports}
    assert ids_of(landed) == sandbox.detailed


def test_a_task_that_is_cleared_goes_by_itself_and_is_completed_by_its_next_try(
    airflow, sandbox, tmp_path
):
    victim = Victim(airflow, sandbox, tmp_path / "landing")
    what = {"dag_run_id": victim.run, "task_ids": ["land"], "only_failed": False, "dry_run": False}
    airflow.rest("POST", "dags/lands/clearTaskInstances", what)
    victim.assert_that_it_went_by_itself()

    sandbox.goes_on.set()
    airflow.wait_for("it has run again", lambda: airflow.has_ended(victim.run))
    assert airflow.tasks(victim.run) == {("land", -1): ("success", 2)}
    everything = {each["report_id"] for each in sandbox.reports}
    assert victim.receipts() == everything
    assert ids_of(airflow.returned(victim.run, "land")) == everything
    assert not victim.hidden()
