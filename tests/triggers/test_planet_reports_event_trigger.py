from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
from itertools import pairwise

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from surroundings import connect

from airflow_provider_planet_reports.airflow_side import polling
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.sandbox.reports import made_up_reports
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY, Answer, Sandbox
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

event_module = pytest.importorskip(
    "airflow_provider_planet_reports.triggers.event",
    reason="Airflow 2 has no event triggers",
    exc_type=ImportError,
)
PlanetReportsEventTrigger = event_module.PlanetReportsEventTrigger

TODAY = dt.datetime.now(dt.timezone.utc).date()


@pytest.fixture
def zone(tmp_path):
    """An empty landing zone."""
    return (tmp_path / "landing").as_uri()


def land(zone, reports):
    PlanetReportsToObjectStorageOperator(task_id="land", destination=zone, reports=reports).execute(
        {}
    )


def day_of_reports(days_ago, plan=77):
    """The reports of one day and another plan."""
    return list(
        made_up_reports(
            seed=1000 + days_ago, org_id=4321, plans=(plan,), days=1, part_bytes=0,
            last_day=TODAY - dt.timedelta(days=days_ago),
        )
    )  # fmt: skip


def ids_of(event):
    return [report["report_id"] for report in event["reports"]]


class Clock:
    """What the trigger takes for the time, and for sleep: a poll takes no time at all."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds


class Watch:
    """A watcher whose polls are counted, in the place of being timed.

    :param monkeypatch: for the clock.
    :param parameters: of the trigger.
    """

    def __init__(self, monkeypatch, **parameters):
        self.clock = Clock()
        self.trigger = PlanetReportsEventTrigger(**parameters)
        monkeypatch.setattr(event_module, "time", self.clock)
        monkeypatch.setattr(event_module.asyncio, "sleep", self.sleep)
        self.before_poll = []

    def polls(self, *before):
        """Run a poll after each of some functions; return the events of each, then stop.

        :param before: what happens before each poll.
        """

        async def run():
            self.events, self.before_poll = [], [*before]
            with contextlib.suppress(asyncio.CancelledError):
                async with contextlib.aclosing(self.trigger.run()) as watching:
                    async for event in watching:
                        self.events[-1].append(event.payload)
            return self.events

        return asyncio.run(run())

    async def sleep(self, seconds):
        """Pass the time until the next poll; end after the last one."""
        await self.clock.sleep(seconds)
        if not self.before_poll:
            raise asyncio.CancelledError
        self.before_poll.pop(0)()
        self.events.append([])


def nothing():
    """Happens before a poll."""


def test_an_event_tells_of_each_report_that_is_not_landed_at_once(sandbox, zone, monkeypatch):
    watch = Watch(monkeypatch, destination=zone)
    before, new = sandbox.reports, day_of_reports(1)
    first, second, third, fourth = watch.polls(
        nothing, nothing, lambda: sandbox.publish(*new), nothing
    )
    (event,) = first
    assert sorted(ids_of(event)) == sorted(report["report_id"] for report in before)
    assert event["not_landed"] == len(before)
    assert second == []
    (event,) = third
    assert set(ids_of(event)) == {report.report_id for report in new}
    assert event["not_landed"] == len(before) + len(new)
    assert fourth == []


def test_what_is_landed_is_not_told(sandbox, zone, monkeypatch):
    land(zone, sandbox.reports[1:])
    watch = Watch(monkeypatch, destination=zone)
    ((event,),) = watch.polls(nothing)
    assert ids_of(event) == [sandbox.reports[0]["report_id"]]
    assert watch.polls(lambda: land(zone, sandbox.reports), nothing) == [[], []]


def test_it_reminds_of_what_is_still_not_landed(sandbox, zone, monkeypatch):
    watch = Watch(monkeypatch, destination=zone, poll_interval=300, remind_after=3600)
    told = watch.polls(*[nothing] * 40)
    at = [number for number, events in enumerate(told) if events]
    assert at[0] == 0
    assert len(at) >= 3
    # Polls are 270 to 330 s apart.
    assert all(10 <= later - earlier <= 15 for earlier, later in pairwise(at))

    def the_run_lands_all():
        land(zone, sandbox.reports)

    assert not any(watch.polls(the_run_lands_all, *[nothing] * 20))


def test_a_restarted_triggerer_tells_again_and_loses_nothing(sandbox, zone, monkeypatch):
    for _ in range(2):
        assert len(Watch(monkeypatch, destination=zone).polls(nothing)[0]) == 1


def test_reports_beyond_help_are_not_told(sandbox, zone, monkeypatch):
    land(zone, sandbox.reports[1:])
    broken = sandbox.reports[0]["report_id"]
    watch = Watch(monkeypatch, destination=zone, except_reports=[broken])
    assert watch.polls(nothing, nothing) == [[], []]


def test_late_and_back_dated_reports_are_told(sandbox, zone, monkeypatch):
    land(zone, sandbox.reports)
    late, older, too_old = (day_of_reports(days) for days in (40, 61, 400))
    watch = Watch(monkeypatch, destination=zone)
    told = watch.polls(*[lambda new=new: sandbox.publish(*new) for new in (late, older, too_old)])
    assert [set(ids_of(event)) for events in told for event in events] == [
        {report.report_id for report in new} for new in (late, older)
    ]
    watch = Watch(monkeypatch, destination=zone, start=TODAY - dt.timedelta(days=500))
    ((event,),) = watch.polls(nothing)
    assert {report.report_id for report in too_old} < set(ids_of(event))


def test_events_are_bounded_and_without_links(zone, monkeypatch):
    sandbox = Sandbox(days=30, plans=(1, 2), part_bytes=0)
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        ((event,),) = Watch(monkeypatch, destination=zone).polls(nothing)
    assert event["not_landed"] == len(sandbox.reports) > 100
    assert len(event["reports"]) == 100
    assert not any("contents" in report for report in event["reports"])
    assert len(json.dumps(event)) < 50_000


def test_its_filters_are_asked_of_the_api(sandbox, zone, monkeypatch):
    Watch(monkeypatch, destination=zone, plan_id="07", report_type="summary").polls(nothing)
    asked = sandbox.exchanges[0][1]
    assert "plan_id=07" in asked
    assert "report_type=summary" in asked
    assert f"start={TODAY - dt.timedelta(days=62)}" in asked


class Troubled(Sandbox):
    """It answers with these, then as usual."""

    answers: tuple[Answer, ...] = ()

    def answer(self, request):
        if not self.answers:
            return super().answer(request)
        first, *rest = self.answers
        self.answers = tuple(rest)
        return first


@pytest.mark.parametrize("status", [401, 403, 404, 500, 503, 429])
def test_no_answer_ends_it_and_the_first_of_several_is_logged(
    zone, monkeypatch, caplog, capfd, status
):
    sandbox = Troubled(days=1)
    sandbox.answers = (Answer(status, {"message": "No."}),) * 3 + (Answer(200, ["no listing"]),)
    with sandbox.serve(), caplog.at_level("INFO"):
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        told = Watch(monkeypatch, destination=zone).polls(*[nothing] * 5)
    assert [len(events) for events in told] == [0, 0, 0, 0, 1]
    said = (caplog.text, capfd.readouterr().out)  # Airflow 3 prints what Airflow 2 logs as well
    assert max(text.count("Looking for new reports failed") for text in said) == 1
    assert any("Looking for new reports works again." in text for text in said)


def test_a_destination_or_a_connection_that_cannot_be_read_makes_nothing_new(
    sandbox, zone, monkeypatch
):
    def landed(*_):
        raise DestinationError("The store is away.")

    def return_store():
        monkeypatch.setattr(LandingZone, "landed", own)

    own = LandingZone.landed
    monkeypatch.setattr(LandingZone, "landed", landed)
    watch = Watch(monkeypatch, destination=zone)
    assert [len(events) for events in watch.polls(nothing, nothing, return_store)] == [0, 0, 1]

    def appear():
        connect(monkeypatch, sandbox.key, sandbox.base_url)

    monkeypatch.delenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT")
    watch = Watch(monkeypatch, destination=zone)
    assert [len(events) for events in watch.polls(nothing, nothing, appear)] == [0, 0, 1]


def test_a_refusal_is_no_storm(sandbox, zone, monkeypatch):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    watch = Watch(monkeypatch, destination=zone, poll_interval=0.01)
    watch.polls(*[nothing] * 10)
    least, most = polling._PAUSES_AFTER_REFUSAL
    doubled = sum(min(least * 2**failure, most) for failure in range(10))
    assert watch.clock.now >= 0.8 * doubled
    assert len(sandbox.exchanges) == 10


def test_watchers_that_begin_together_do_not_poll_together(zone, monkeypatch):
    begun = []
    for _ in range(50):
        watch = Watch(monkeypatch, destination=zone)
        watch.polls()
        begun.append(watch.clock.now)
    assert len(set(begun)) == 50
    assert max(begun) <= 10


def test_it_is_plain_json_in_one_order_that_makes_it_again():
    trigger = PlanetReportsEventTrigger(
        "mine", start=dt.date(2026, 1, 1), plan_id=7, query={"b": 1, "a": [2]}, poll_interval=9,
        destination="s3://b/p", except_reports="b, a",
    )  # fmt: skip
    path, kwargs = trigger.serialize()
    assert path.endswith(".triggers.planet_reports.PlanetReportsEventTrigger")
    assert kwargs["except_reports"] == ["a", "b"]
    again = PlanetReportsEventTrigger(**json.loads(json.dumps(kwargs)))
    assert json.dumps(again.serialize()) == json.dumps(trigger.serialize())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"poll_interval": 0}, "poll_interval=0 is not allowed"),
        ({"poll_interval": None}, "poll_interval=None is not allowed"),
        ({"poll_interval": float("nan")}, "poll_interval=nan is not allowed"),
        ({"remind_after": 0}, "remind_after=0 is not allowed"),
        ({"cadence": "weekly"}, "cadence='weekly' is not allowed"),
        ({"destination": 7}, "must be an ObjectStoragePath or its URL"),
        ({"destination": "ftp://x/y"}, "unknown scheme 'ftp'"),
        ({"except_reports": 7}, "except_reports=7 is not allowed"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        PlanetReportsEventTrigger(**{"destination": "file:///zone", **parameters})


def test_a_destination_is_required():
    with pytest.raises(TypeError, match="destination"):
        PlanetReportsEventTrigger()
