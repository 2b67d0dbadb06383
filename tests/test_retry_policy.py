from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from airflow.providers.common.compat.sdk import DAG
from runs import dag_of
from surroundings import connect

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    as_task_error,
)
from airflow_provider_planet_reports.client.errors import TransientError
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError
from airflow_provider_planet_reports.landing.progress import Outcome
from airflow_provider_planet_reports.landing.run import LandingRun
from airflow_provider_planet_reports.sandbox.server import Answer, Sandbox
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

try:
    from airflow.sdk import RetryAction, RetryPolicy
except ImportError:
    KNOWS_POLICIES = False
else:
    from airflow_provider_planet_reports.retry_policy import PlanetReportsRetryPolicy

    KNOWS_POLICIES = True
needs_policies = pytest.mark.skipif(not KNOWS_POLICIES, reason="needs Airflow 3.3")


def decide(exception, **parameters):
    policy = PlanetReportsRetryPolicy(**parameters)
    return policy.evaluate(exception, try_number=1, max_tries=3, context=None)


@needs_policies
def test_a_rate_limit_is_tried_again_at_the_time_that_the_server_named():
    decision = decide(PlanetReportsTaskError("429", retry_after=1234))
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == dt.timedelta(seconds=1234)
    assert decision.reason == "The server asked to wait 1234 s."


@needs_policies
def test_a_wish_beyond_all_measure_is_cut():
    exception = PlanetReportsTaskError("429", retry_after=30 * 86_400)
    assert decide(exception).retry_delay == dt.timedelta(days=1)
    hour = dt.timedelta(hours=1)
    assert decide(exception, longest_delay=hour).retry_delay == hour


@needs_policies
@pytest.mark.parametrize("exception", [PlanetReportsTaskFailure("401"), InvalidInput("start")])
def test_what_another_try_cannot_mend_fails_at_once(exception):
    assert decide(exception).action is RetryAction.FAIL


@needs_policies
@pytest.mark.parametrize("exception", [PlanetReportsTaskError("503"), OSError("disk is full")])
def test_everything_else_is_left_to_the_task(exception):
    assert decide(exception).action is RetryAction.DEFAULT


@needs_policies
def test_a_policy_comes_back_from_json():
    policy = PlanetReportsRetryPolicy(dt.timedelta(hours=2))
    assert PlanetReportsRetryPolicy.deserialize(policy.serialize()).longest_delay == dt.timedelta(
        hours=2
    )


@needs_policies
def test_mapped_tasks_have_the_policy_too():
    policy = PlanetReportsRetryPolicy()
    assert isinstance(policy, RetryPolicy)
    with DAG("mapped", schedule=None):
        mapped = PlanetReportsToObjectStorageOperator.partial(
            task_id="land", destination="file:///landing", retry_policy=policy
        ).expand(plan_id=[1001, 1002])
    assert mapped.retry_policy is policy
    assert mapped.unmap({"plan_id": 1001}).retry_policy is policy


class _BusyAtFirst(Sandbox):
    """The first request is turned away for longer than a task waits."""

    def answer(self, request):
        return super().answer(request) if self.exchanges else _busy(400)


@needs_policies
def test_airflow_begins_the_next_try_of_a_mapped_task_when_the_policy_says(
    tmp_path, monkeypatch, airflow_db
):
    sandbox = _BusyAtFirst(days=1, plans=(1001,))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        dag_run = dag_of("outlets.py", "land_patiently").test(
            run_conf={"destination": tmp_path.as_uri()}
        )
    assert [(ti.state, ti.try_number) for ti in dag_run.get_task_instances()] == [("success", 2)]


def _busy(seconds):
    return Answer(429, {"message": "Slow down."}, {"Retry-After": str(seconds)})


def test_the_error_of_a_task_knows_how_long_the_server_asked_to_wait():
    assert as_task_error(TransientError("429", 429, 77.0)).retry_after == 77.0
    assert as_task_error(TransientError("503", 503, 88.0)).retry_after == 88.0
    assert as_task_error(TransientError("503", 503)).retry_after is None


def test_of_many_reports_the_longest_wish_counts(sandbox, tmp_path, monkeypatch):
    failures = [
        ("a", TransientError("429", 429, 400.0)),
        ("b", TransientError("429", 429, 900.0)),
        ("c", TransientError("503", 503)),
    ]
    outcome = Outcome(failures=failures)
    monkeypatch.setattr(LandingRun, "run", lambda self, reports: outcome)
    operator = PlanetReportsToObjectStorageOperator(task_id="land", destination=tmp_path.as_uri())
    with pytest.raises(PlanetReportsTaskError) as caught:
        operator.execute({})
    assert caught.value.retry_after == 900.0


def test_every_error_for_tasks_is_one_of_this_package():
    assert issubclass(PlanetReportsTaskError, PlanetReportsError)
    assert PlanetReportsTaskFailure.final
    assert not PlanetReportsTaskError.final


@pytest.mark.skipif(KNOWS_POLICIES, reason="is about Airflow before 3.3")
def test_an_airflow_without_policies_says_what_is_needed():
    probe = "import airflow_provider_planet_reports.retry_policy"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert "needs Airflow 3.3 or later" in done.stderr
