from __future__ import annotations

import datetime as dt
import json
import os

import pytest
from airflow.providers.common.compat.sdk import (
    DAG,
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferred,
)
from grounds import Ground
from surroundings import connect

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY, Answer, Sandbox
from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

NEVER = {"start": "2001-01-01", "end": "2001-01-02"}


def sensor(**parameters):
    return PlanetReportsSensor(task_id="wait", **parameters)


def land(destination, reports):
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, reports=reports
    ).execute({})


def deferral_of(wait):
    with pytest.raises(TaskDeferred) as deferred:
        wait.execute({})
    return deferred.value


def success_of(deferral):
    """The event of a deferral's trigger."""
    return {"status": "success", "waiting_since": deferral.trigger.waiting_since}


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
    land(ground.url, sandbox.reports[:-1])
    assert sensor(destination=ground.url).execute({}) == sandbox.reports[-1:]
    assert not sensor(destination=ground.url, min_reports=2).poke({})


# Several plans


def of_plans(*plans, **parameters):
    day = (dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)).isoformat()
    return sensor(plan_ids=plans, start=day, end=day, **parameters)


def test_each_plan_has_to_have_each_of_its_daily_reports(sandbox):
    assert of_plans("01001").poke({}).xcom_value == sandbox.reports[:2]
    assert not of_plans(1001, 2002).poke({})
    summary, detailed = sandbox.reports[:2]
    sandbox.withdraw(detailed["report_id"])
    assert not of_plans(1001).poke({})
    assert of_plans(1001, report_type="summary").poke({}).xcom_value == [summary]


def test_what_is_landed_counts_for_a_plan_though_planet_lists_it_no_more(sandbox, tmp_path):
    destination = tmp_path.as_uri()
    land(destination, sandbox.reports)
    for report in sandbox.reports:
        sandbox.withdraw(report["report_id"])
    assert not of_plans(1001).poke({})
    there = of_plans("1001", destination=destination).poke({})
    assert there
    assert there.xcom_value == []  # nothing is left to land


def test_the_log_names_what_is_missing(sandbox, caplog, capfd):
    of_plans(1001, 2002).poke({})
    said = caplog.text + capfd.readouterr().out
    assert "missing: detailed report of plan 2002 for" in said


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"start": "2026-01-01"}, "^plan_ids needs end as well"),
        ({**NEVER, "cadence": "monthly"}, "^plan_ids is for daily reports only: leave out cadence"),
        ({**NEVER, "plan_id": 7}, "^Give plan_ids, or else plan_id and min_reports"),
        ({**NEVER, "min_reports": 2}, "^Give plan_ids, or else plan_id and min_reports"),
        ({**NEVER, "plan_ids": "all"}, "^plan_ids='all' is not allowed: it must be a list"),
        ({**NEVER, "plan_ids": 7}, "^plan_ids=7 is not allowed"),
        ({**NEVER, "path": "other/"}, "^plan_ids with path needs report_type"),
    ],
)
def test_plans_that_cannot_be_waited_for_fail_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        sensor(**{"plan_ids": [1], **parameters})


# In the triggerer


def test_it_defers_with_all_it_needs_in_plain_json(sandbox):
    deferral = deferral_of(
        sensor(
            **NEVER, report_type="summary", plan_id=7, destination="file:///nowhere/yet",
            poke_interval=dt.timedelta(minutes=2), min_reports=2, deferrable=True,
        )
    )  # fmt: skip
    path, kwargs = deferral.trigger.serialize()
    assert path.endswith("triggers.planet_reports.PlanetReportsTrigger")
    since = dt.datetime.fromisoformat(kwargs.pop("waiting_since"))
    assert since.tzinfo is not None
    assert kwargs == {
        "planet_reports_conn_id": "planet_reports_default",
        "plan_id": "7",
        "report_type": "summary",
        **NEVER,
        "destination": "file:///nowhere/yet",
        "destination_conn_id": None,
        "min_reports": 2,
        "plan_ids": None,
        "poke_interval": 120.0,
    }
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert type(deferral.trigger)(**kwargs, waiting_since=since.isoformat()).serialize() == (
        path,
        {**kwargs, "waiting_since": since.isoformat()},
    )
    assert deferral.method_name == "execute_complete"


def test_when_it_is_time_the_worker_lists(sandbox):
    wait = sensor(report_type="summary", deferrable=True, min_reports=99)
    deferral = deferral_of(wait)
    wait.min_reports = 3
    found = wait.resume_execution("execute_complete", {"event": success_of(deferral)}, {})
    assert found == [each for each in sandbox.reports if each["report_type"] == "summary"]


def test_if_it_is_not_time_after_all_it_defers_for_what_is_left(sandbox):
    hour_ago = dt.datetime.now(dt.timezone.utc) - dt.timedelta(hours=1)
    event = {"status": "success", "waiting_since": hour_ago.isoformat()}
    with pytest.raises(TaskDeferred) as again:
        sensor(**NEVER, timeout=7200).resume_execution("execute_complete", {"event": event}, {})
    assert again.value.trigger.waiting_since == hour_ago.isoformat()
    assert dt.timedelta(minutes=50) < again.value.timeout <= dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("limits", "seconds", "error"),
    [
        ({"timeout": 60}, 60, AirflowSensorTimeout),
        ({"timeout": 600, "execution_timeout": dt.timedelta(seconds=60)}, 60, AirflowTaskTimeout),
        ({"timeout": 60, "execution_timeout": dt.timedelta(hours=1)}, 60, AirflowSensorTimeout),
    ],
)
def test_both_timeouts_hold_in_the_triggerer_and_say_what_was_waited_for(
    sandbox, limits, seconds, error
):
    wait = sensor(**NEVER, deferrable=True, **limits)
    timeout = deferral_of(wait).timeout
    assert dt.timedelta(0) < timeout <= dt.timedelta(seconds=seconds)
    timed_out = {"error": "Trigger timeout"}
    with pytest.raises(error, match=r"^Not there after 0:01:00: at least 1 report\. Raise"):
        wait.resume_execution("__fail__", timed_out, {})
    if error is AirflowSensorTimeout:
        wait.soft_fail = True
        with pytest.raises(
            AirflowSkipException, match=r"^Not there after 0:01:00: at least 1 report"
        ):
            wait.resume_execution("__fail__", timed_out, {})


def test_a_trigger_that_crashed_is_no_timeout(sandbox):
    wait = sensor(**NEVER, soft_fail=True, deferrable=True)
    with pytest.raises(Exception, match="Trigger failure") as crash:
        wait.resume_execution("__fail__", {"error": "Trigger failure"}, {})
    assert not isinstance(crash.value, AirflowSkipException)


# Errors


def test_transient_errors_are_retried_in_every_mode(monkeypatch, caplog, capfd):
    connect(monkeypatch, "key", "http://127.0.0.1:9/", extra={"max_retries": 0})
    assert not sensor().poke({})
    assert "Still waiting for at least 1 report: " in caplog.text + capfd.readouterr().out
    assert deferral_of(sensor(deferrable=True))


def test_a_destination_that_cannot_be_read_is_not_one_where_all_is_new(
    sandbox, monkeypatch, tmp_path
):
    def landed(*_):
        raise DestinationError("The store is away.")

    monkeypatch.setattr(LandingZone, "landed", landed)
    assert not sensor(destination=tmp_path.as_uri()).poke({})


@pytest.mark.parametrize("parameters", [{}, {"soft_fail": True}])
def test_a_refusal_fails_at_once_in_every_mode(sandbox, monkeypatch, parameters):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    with pytest.raises(PlanetReportsTaskFailure, match="organization administrator") as poked:
        sensor(**parameters).execute({})
    assert len(sandbox.exchanges) == 1
    with pytest.raises(PlanetReportsTaskFailure):
        sensor(deferrable=True, **parameters).execute({})
    refused = {"status": "refused", "message": str(poked.value), "waiting_since": None}
    with pytest.raises(PlanetReportsTaskFailure) as deferred:
        sensor(**parameters).resume_execution("execute_complete", {"event": refused}, {})
    assert str(poked.value) == str(deferred.value)


def test_never_fail_skips_a_refusal(sandbox, monkeypatch):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    with pytest.raises(AirflowSkipException):
        sensor(never_fail=True).execute({})


def test_a_timeout_skips_with_soft_fail_and_says_what_was_waited_for(sandbox):
    with pytest.raises(AirflowSensorTimeout, match=r"^Not there after 0:00:00: at least 1 report"):
        sensor(**NEVER, timeout=0).execute({})
    with pytest.raises(AirflowSkipException, match=r"^Not there after 0:00:00: at least 1 report"):
        sensor(**NEVER, timeout=0, soft_fail=True).execute({})


def test_a_connection_that_is_not_found_fails_the_try_until_the_wait_has_begun(
    sandbox, monkeypatch
):
    connection = json.loads(os.environ["AIRFLOW_CONN_PLANET_REPORTS_DEFAULT"])
    wait = sensor(**NEVER, planet_reports_conn_id="in_a_backend")
    with pytest.raises(PlanetReportsTaskError, match=r"^Connection 'in_a_backend' not found: cre"):
        wait.poke({})
    monkeypatch.setenv("AIRFLOW_CONN_IN_A_BACKEND", json.dumps(connection))
    assert not wait.poke({})
    monkeypatch.delenv("AIRFLOW_CONN_IN_A_BACKEND")
    assert not wait.poke({})
    event = {"status": "success", "waiting_since": "2026-01-01T00:00:00+00:00"}
    with pytest.raises(TaskDeferred):
        sensor(**NEVER, planet_reports_conn_id="in_a_backend").resume_execution(
            "execute_complete", {"event": event}, {}
        )


# Parameters


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"poke_interval": 0}, r"poke_interval=0\.0 is not allowed: it must be a number of second"),
        ({"poke_interval": dt.timedelta(0)}, r"poke_interval=0\.0 is not allowed"),
        ({"min_reports": 0}, "min_reports=0 is not allowed: it must be a whole number from 1"),
        ({"min_reports": True}, "min_reports=True is not allowed"),
        ({"cadence": "weekly"}, "cadence='weekly' is not allowed"),
    ],
)
def test_bad_parameters_fail_when_the_dag_is_parsed(parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        sensor(**parameters)


def test_plans_may_be_a_template(sandbox):
    with DAG("waiting", schedule=None):
        wait = sensor(plan_ids="{{ params.plans }}", **NEVER)
    wait.render_template_fields({"params": {"plans": "1001, 2002"}})
    assert not wait.poke({})


class _Hiccup(Sandbox):
    """It is out of order once."""

    answered = 0

    def answer(self, request):
        self.answered += 1
        return super().answer(request) if self.answered > 1 else Answer(500, {"message": "oh"})


def test_one_look_is_tried_again_before_it_counts_as_failed(monkeypatch):
    with (sandbox := _Hiccup(days=1)).serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"max_retries": 1})
        assert sensor().poke({})
