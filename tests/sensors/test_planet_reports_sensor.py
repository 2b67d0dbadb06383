from __future__ import annotations

import datetime as dt
import json

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from grounds import Ground
from surroundings import connect

from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY, Answer, Sandbox
from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

NEVER = {"start": "2001-01-01", "end": "2001-01-02"}


def sensor(**parameters):
    return PlanetReportsSensor(task_id="wait", **parameters)


@pytest.mark.parametrize("deferrable", [False, True])
def test_it_returns_the_reports_when_they_are_there_already(sandbox, deferrable):
    found = sensor(report_type="summary", deferrable=deferrable).execute({})
    assert found == [each for each in sandbox.reports if each["report_type"] == "summary"]
    assert len(sandbox.exchanges) == 1


def test_it_goes_on_looking_until_there_are_enough(monkeypatch):
    sandbox, waiting = Sandbox(days=1, plans=(7,)), Sandbox(days=1, plans=(7, 8))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        wait = sensor(min_reports=4, poke_interval=0.01)
        sleeps = []
        monkeypatch.setattr(
            "time.sleep", lambda s: sleeps.append(s) or sandbox.publish(*waiting._reports.values())
        )
        found = wait.execute({})
    assert sleeps == [0.01]
    assert len(found) == 4


def test_what_is_landed_does_not_count(sandbox, ground: Ground):
    some = sandbox.reports[:-1]
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=ground.url, reports=some
    ).execute({})
    wait = sensor(destination=ground.url)
    assert wait.execute({}) == sandbox.reports[-1:]
    assert not sensor(destination=ground.url, min_reports=2).poke({})


def test_it_defers_with_all_it_needs_in_plain_json(sandbox):
    wait = sensor(
        **NEVER, report_type="summary", plan_id=7, destination="file:///nowhere/yet",
        poke_interval=dt.timedelta(minutes=2), timeout=3600, min_reports=2, deferrable=True,
    )  # fmt: skip
    with pytest.raises(TaskDeferred) as deferred:
        wait.execute({})
    trigger = deferred.value.trigger
    path, kwargs = trigger.serialize()
    assert path.endswith("triggers.planet_reports.PlanetReportsTrigger")
    assert kwargs == {
        "planet_reports_conn_id": "planet_reports_default",
        "plan_id": "7",
        "report_type": "summary",
        **NEVER,
        "destination": "file:///nowhere/yet",
        "destination_conn_id": None,
        "min_reports": 2,
        "poke_interval": 120.0,
    }
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert type(trigger)(**kwargs).serialize() == (path, kwargs)
    assert deferred.value.timeout == dt.timedelta(hours=1)
    assert deferred.value.method_name == "execute_complete"


def test_trouble_is_outlasted_in_every_mode(monkeypatch, caplog, capfd):
    connect(monkeypatch, "key", "http://127.0.0.1:9/", extra={"max_retries": 0})
    assert not sensor().poke({})
    assert "Still waiting: No complete answer" in caplog.text + capfd.readouterr().out
    with pytest.raises(TaskDeferred):
        sensor(deferrable=True).poke({})


def test_a_destination_that_cannot_be_read_is_not_one_where_all_is_new(sandbox, tmp_path):
    (tmp_path / "_receipts").write_text("not a folder")
    assert not sensor(destination=tmp_path.as_uri()).poke({})


def test_a_refusal_is_the_same_error_with_and_without_deferring(sandbox, monkeypatch):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    with pytest.raises(PlanetReportsTaskFailure) as poked:
        sensor().execute({})
    with pytest.raises(PlanetReportsTaskFailure) as deferred:
        sensor().execute_complete({}, {"status": "refused", "message": str(poked.value)})
    assert str(poked.value) == str(deferred.value)
    assert "organization administrator" in str(poked.value)
    assert len(sandbox.exchanges) == 1


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_soft_failure_skips(sandbox, monkeypatch, deferrable):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    with pytest.raises(AirflowSkipException):
        sensor(soft_fail=True, deferrable=deferrable).execute({})


def test_it_returns_what_the_trigger_found():
    reports = [{"report_id": "a"}]
    assert sensor().execute_complete({}, {"status": "success", "reports": reports}) == reports


@pytest.mark.parametrize("event", [None, {}, {"status": "new"}])
def test_an_unknown_event_fails(event):
    with pytest.raises(AirflowFailException, match="event that is not known"):
        sensor().execute_complete({}, event)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"poke_interval": 0}, "poke_interval=0 is not allowed: it must be a number of seconds"),
        ({"poke_interval": -1}, "poke_interval=-1 is not allowed"),
        ({"poke_interval": dt.timedelta(0)}, r"poke_interval=0\.0 is not allowed"),
        ({"min_reports": 0}, "min_reports=0 is not allowed: it must be a whole number from 1"),
        ({"min_reports": True}, "min_reports=True is not allowed"),
    ],
)
def test_bad_parameters_fail_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        sensor(**parameters)


def test_bad_filters_fail_before_any_request(sandbox):
    with pytest.raises(AirflowFailException, match="cadence='weekly' is not allowed"):
        sensor(cadence="weekly", deferrable=True).execute({})
    assert not sandbox.exchanges


class _Hiccup(Sandbox):
    """It is out of order once."""

    answered = 0

    def answer(self, request):
        self.answered += 1
        return super().answer(request) if self.answered > 1 else Answer(500, {"message": "oh"})


def test_one_look_is_tried_again_before_it_counts_as_trouble(monkeypatch):
    with (sandbox := _Hiccup(days=1)).serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"max_retries": 1})
        assert sensor().poke({})
