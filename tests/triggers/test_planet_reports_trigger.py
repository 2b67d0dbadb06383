from __future__ import annotations

import asyncio
import os
import threading

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, BaseHook
from surroundings import connect

from airflow_provider_planet_reports.airflow_side import polling
from airflow_provider_planet_reports.airflow_side.polling import PollBackoff
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY, Answer, Sandbox
from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsTrigger

NEVER = {"start": "2001-01-01", "end": "2001-01-02"}


async def first_event(trigger, timeout=60):
    async def run():
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return await asyncio.wait_for(run(), timeout)


def test_it_only_says_that_it_is_time_since_events_pass_through_airflows_database(sandbox):
    trigger = PlanetReportsTrigger(
        poke_interval=0.05, report_type="summary", min_reports=3, waiting_since="2026-01-01"
    )
    event = asyncio.run(first_event(trigger))
    assert event == {"status": "success", "waiting_since": "2026-01-01"}


def test_it_fires_as_soon_as_a_report_is_published(sandbox):
    later = Sandbox(days=1, plans=(55,))

    async def wait():
        trigger = PlanetReportsTrigger(poke_interval=0.05, plan_id=55)
        waiting = asyncio.create_task(first_event(trigger, 60))
        while len(sandbox.exchanges) < 3:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        sandbox.publish(*later._reports.values())
        return await waiting

    assert asyncio.run(wait())["status"] == "success"


def test_it_waits_for_each_of_some_plans(sandbox):
    newest = sandbox.reports[0]["data_date_start"]
    later = Sandbox(days=1, plans=(55,))

    async def wait():
        trigger = PlanetReportsTrigger(
            poke_interval=0.05, plan_ids=["1001", "55"], start=newest, end=newest
        )
        waiting = asyncio.create_task(first_event(trigger, 60))
        while len(sandbox.exchanges) < 3:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        sandbox.publish(*later._reports.values())
        return await waiting

    assert asyncio.run(wait())["status"] == "success"


def test_a_connection_that_is_away_for_a_while_is_waited_for(sandbox, monkeypatch):
    monkeypatch.setattr(polling, "_PAUSES_AFTER_ERROR", (0.02, 0.02))
    connection = os.environ["AIRFLOW_CONN_PLANET_REPORTS_DEFAULT"]
    looked = threading.Event()
    read = BaseHook.get_connection

    def get_connection(conn_id):
        try:
            return read(conn_id)
        finally:
            looked.set()

    async def wait():
        trigger = PlanetReportsTrigger("in_a_backend", poke_interval=0.05)
        waiting = asyncio.create_task(first_event(trigger, 60))
        await asyncio.to_thread(looked.wait, 60)
        assert not waiting.done()
        monkeypatch.setenv("AIRFLOW_CONN_IN_A_BACKEND", connection)
        return await waiting

    monkeypatch.setattr(BaseHook, "get_connection", get_connection)
    assert asyncio.run(wait())["status"] == "success"


def test_a_refusal_ends_the_wait_after_one_request(sandbox, monkeypatch):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    event = asyncio.run(first_event(PlanetReportsTrigger(poke_interval=0.05)))
    assert event["status"] == "refused"
    assert "organization administrator" in event["message"]
    assert len(sandbox.exchanges) == 1


class Troubled(Sandbox):
    """It answers 503 as often as it is told to."""

    troubles = 0

    def answer(self, request):
        self.troubles -= 1
        return super().answer(request) if self.troubles < 0 else Answer(503, {"message": "later"})


def test_transient_errors_are_retried_with_growing_pauses(monkeypatch, caplog, capfd):
    monkeypatch.setattr(polling, "_PAUSES_AFTER_ERROR", (0.05, 900))
    sandbox = Troubled(days=1)
    sandbox.troubles = 4
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        event = asyncio.run(first_event(PlanetReportsTrigger(poke_interval=0.05)))
    assert event["status"] == "success"
    assert len(sandbox.exchanges) == 5
    said = (caplog.text, capfd.readouterr().out)  # Airflow 3 prints what Airflow 2 logs as well
    assert max(text.count("Still waiting") for text in said) == 4


def test_pauses_grow_with_failures_and_are_as_long_as_the_server_asks():
    pauses, trouble = PollBackoff(1), PlanetReportsTaskError("503")
    grown = [pauses.after_failure(trouble) for _ in range(5)]
    assert all(4 * 2**n <= pause <= 5 * 2**n for n, pause in enumerate(grown))
    assert all(
        PollBackoff(1).after_failure(PlanetReportsTaskFailure("401")) >= 48 for _ in range(9)
    )
    for _ in range(50):
        longest = pauses.after_failure(trouble)
    assert longest <= 900
    limited = PlanetReportsTaskError("429", retry_after=1234.0)
    assert pauses.after_failure(limited) == 1234.0
    assert 0.9 <= pauses.after_success() <= 1.1
    assert pauses.after_failure(trouble) <= 5


def test_what_starts_together_does_not_poll_together():
    first = [PollBackoff(60).before_first() for _ in range(1000)]
    seconds = [sum(1 for pause in first if int(pause) == second) for second in range(60)]
    assert max(seconds) < 60


@pytest.mark.parametrize("slow", ["the API", "the reading of the connection"])
def test_a_thousand_waiting_triggers_leave_the_event_loop_free(monkeypatch, slow):
    go_on, was_in_time = threading.Event(), []

    def hang(*_):
        """Wait for the event loop, which only gets to its word if nobody holds it up."""
        was_in_time.append(all(was_in_time) and go_on.wait(300))

    class Hanging(Sandbox):
        def answer(self, request):
            if slow == "the API":
                hang()
            return super().answer(request)

    read = BaseHook.get_connection

    def get_connection(conn_id):
        if slow == "the reading of the connection":
            hang()
        return read(conn_id)

    async def wait():
        triggers = [PlanetReportsTrigger(poke_interval=1, **NEVER) for _ in range(1000)]
        tasks = [asyncio.create_task(first_event(trigger, 600)) for trigger in triggers]
        await asyncio.sleep(1)
        assert not sandbox.exchanges
        go_on.set()
        while len(sandbox.exchanges) < 100:
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    sandbox = Hanging(days=1)
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        monkeypatch.setattr(BaseHook, "get_connection", get_connection)
        asyncio.run(wait())
    assert was_in_time
    assert all(was_in_time)


def test_it_starts_with_the_arguments_of_an_older_version():
    _, kwargs = PlanetReportsTrigger(planet_reports_conn_id="mine").serialize()
    assert PlanetReportsTrigger().serialize()[1] == {
        **kwargs,
        "planet_reports_conn_id": "planet_reports_default",
    }
    assert kwargs["min_reports"] == 1
    assert kwargs["poke_interval"] == 60


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"poke_interval": 0}, "poke_interval=0 is not allowed"),
        ({"poke_interval": "5"}, "poke_interval='5' is not allowed"),
        ({"min_reports": 0}, "min_reports=0 is not allowed"),
        ({"cadence": "weekly"}, "cadence='weekly' is not allowed"),
        ({"plan_ids": ["1"]}, "plan_ids needs end and start as well"),
        ({"destination": 7}, "must be an ObjectStoragePath or its URL"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        PlanetReportsTrigger(**parameters)
