from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import random
import time
from collections import Counter

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from surroundings import connect

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY, Answer, Sandbox
from airflow_provider_planet_reports.triggers import polling

event_module = pytest.importorskip(
    "airflow_provider_planet_reports.triggers.event",
    reason="Airflow 2 has no event triggers",
    exc_type=ImportError,
)
PlanetReportsEventTrigger = event_module.PlanetReportsEventTrigger

TODAY = dt.datetime.now(dt.timezone.utc).date()


def days_ago(days):
    return (TODAY - dt.timedelta(days=days)).isoformat()


def a_report(report_id, day=None, **fields):
    day = day or days_ago(1)
    return Report.from_dict(
        {"report_id": str(report_id), "data_date_start": day, "data_date_end": day, **fields,
         "contents": ["https://files.example/1?sig=s3cret"]}
    )  # fmt: skip


def ids_of(event):
    return [report["report_id"] for report in event.payload["reports"]]


def events_of(trigger, *listings):
    """The events that a trigger makes of listings."""
    trigger.poll_interval = 0.01  # it waits for a moment before each

    async def collect():
        async def stream():
            for listing in listings:
                yield listing

        return [event async for event in trigger.filter_shared_stream(stream())]

    return asyncio.run(collect())


async def first_events(trigger, count, seconds=10):
    """The first events of a trigger that polls."""

    async def collect():
        events = []
        async with contextlib.aclosing(trigger.run()) as run:
            async for event in run:
                events.append(event)
                if len(events) == count:
                    break
        return events

    return await asyncio.wait_for(collect(), seconds)


def test_each_new_report_is_announced_once_without_its_links():
    first, second = a_report("a", note="?"), a_report("b")
    events = events_of(
        PlanetReportsEventTrigger(), [first], [first], [second, first], [first, second], []
    )
    assert [ids_of(event) for event in events] == [["a"], ["b"]]
    assert events[0].payload["reports"][0]["note"] == "?"
    assert "s3cret" not in json.dumps([event.payload for event in events])


def test_late_and_back_dated_reports_are_announced():
    new = a_report("new", days_ago(1))
    late, older = a_report("late", days_ago(40)), a_report("older", days_ago(61))
    events = events_of(PlanetReportsEventTrigger(), [new], [new, late], [older, late, new])
    assert [ids_of(event) for event in events] == [["new"], ["late"], ["older"]]


def test_a_first_run_announces_no_years_of_history_unless_asked_to():
    listing = [a_report("old", days_ago(400)), a_report("new", days_ago(3))]
    (event,) = events_of(PlanetReportsEventTrigger(), listing)
    assert ids_of(event) == ["new"]
    (event,) = events_of(PlanetReportsEventTrigger(start=days_ago(500)), listing)
    assert ids_of(event) == ["old", "new"]


def test_many_new_reports_become_bounded_events_and_none_is_dropped():
    listing = [a_report(number) for number in range(250)]
    events = events_of(PlanetReportsEventTrigger(), *[listing] * 5)
    assert [len(ids_of(event)) for event in events] == [100, 100, 50]
    assert sum(map(ids_of, events), []) == [str(n) for n in range(250)]  # noqa: RUF017
    assert max(len(json.dumps(event.payload)) for event in events) < 50_000


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        ({"plan_id": "07"}, "a"),
        ({"report_type": "summary"}, "b"),
        ({"cadence": "monthly"}, "b"),
        ({"end": days_ago(5)}, "b"),
        ({"start": days_ago(2)}, "a"),
    ],
)
def test_its_own_filters_select_as_the_api_would(filters, wanted):
    listing = [
        a_report("a", days_ago(2), plan_id=7, report_type="detailed", cadence="daily"),
        a_report("b", days_ago(5), plan_id="8", report_type="summary", cadence="monthly"),
    ]
    (event,) = events_of(PlanetReportsEventTrigger(**filters), listing)
    assert ids_of(event) == [wanted]


def test_what_is_landed_is_not_announced(sandbox, tmp_path):
    from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
        PlanetReportsToObjectStorageOperator,
    )

    destination = (tmp_path / "landing").as_uri()
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, report_type="summary"
    ).execute({})
    listing = [Report.from_dict(each) for each in sandbox.reports]
    (event,) = events_of(PlanetReportsEventTrigger(destination=destination), listing, listing)
    assert set(ids_of(event)) == {
        each["report_id"] for each in sandbox.reports if each["report_type"] == "detailed"
    }


def test_a_destination_that_cannot_be_read_makes_nothing_new(monkeypatch, tmp_path, caplog):
    def unreadable(*_):
        raise OSError("the disk is gone")

    trigger = PlanetReportsEventTrigger(destination=(tmp_path / "landing").as_uri())
    monkeypatch.setattr(event_module, "landed_reports", unreadable)
    with caplog.at_level("WARNING"):
        assert events_of(trigger, [a_report("a")], [a_report("a")]) == []
    assert caplog.text.count("Finding out what is landed failed: the disk is gone") == 1
    monkeypatch.setattr(event_module, "landed_reports", lambda *_: {})
    (event,) = events_of(trigger, [a_report("a")])
    assert ids_of(event) == ["a"]


class Crash(BaseException):
    """The triggerer dies."""


class World:
    """An Airflow that stores events and state, a clock, and a death at a chosen point."""

    def __init__(self, chance):
        self.chance, self.now = chance, 1000.0
        self.published, self.stored, self.on_their_way = [], [], []
        self.state, self.crash_at = {}, None

    def monotonic(self):
        return self.now

    def reach(self, point):
        """Die here, if this is the point."""
        if self.crash_at == point:
            self.crash_at = None
            raise Crash

    async def aget(self, key):
        return self.state.get(key)

    async def aset(self, key, value):
        self.reach("before the save")
        self.state[key] = json.loads(json.dumps(value))
        self.reach("after the save")

    def pass_time(self, seconds):
        """Let time pass: Airflow stores an event within a few seconds of its yield."""
        self.now += seconds
        self.stored += [ids for due, ids in self.on_their_way if due <= self.now]
        self.on_their_way = [each for each in self.on_their_way if each[0] > self.now]

    def live(self, polls):
        """Run a triggerer for so many polls, or until it dies."""
        trigger = PlanetReportsEventTrigger(poll_interval=0.001)
        trigger.asset_state_store = self

        async def listings():
            for _ in range(polls):
                self.pass_time(self.chance.choice((0.2, 1, 5, 11, 60)))
                self.reach("before the yield")
                yield list(self.published)

        async def run():
            async for event in trigger.filter_shared_stream(listings()):
                self.reach("after the yield")
                due = self.now + self.chance.uniform(0, 9)
                self.on_their_way.append((due, ids_of(event)))

        with contextlib.suppress(Crash):
            asyncio.run(run())
            return
        self.on_their_way.clear()  # what was not stored yet dies with the process

    def announced(self):
        return Counter(report_id for ids in self.stored for report_id in ids)


@pytest.fixture
def world(monkeypatch):
    world = World(random.Random(1))
    monkeypatch.setattr(event_module, "time", world)
    return world


POINTS = ("before the yield", "after the yield", "before the save", "after the save")


@pytest.mark.parametrize("point", POINTS)
def test_no_point_of_death_loses_an_event(world, point):
    world.published = [a_report("a")]
    world.crash_at = point
    world.live(10)
    assert world.crash_at is None, "the point was never reached"
    world.live(10)
    world.pass_time(60)
    assert world.announced()["a"] >= 1
    saved = point == "after the save"
    assert world.announced()["a"] == (1 if saved or "yield" in point else 2)


def test_no_sequence_of_deaths_loses_an_event_and_a_quiet_life_repeats_none(world):
    for life in range(300):
        world.chance = random.Random(life)
        world.published = [a_report(f"{life}/{n}") for n in range(world.chance.randint(0, 3))] + (
            world.published
        )
        world.crash_at = world.chance.choice((*POINTS, None))
        world.live(world.chance.randint(1, 12))
        if world.chance.random() < 0.3:
            world.on_their_way.clear()  # it died between two polls
    world.crash_at = None
    world.live(60)
    world.pass_time(60)
    assert set(world.announced()) == {report.report_id for report in world.published}
    before = world.announced()
    world.published.insert(0, a_report("last"))
    world.live(20)
    world.pass_time(60)
    world.live(20)
    assert world.announced() - before == Counter({"last": 1})


def test_state_is_kept_for_each_identity(world):
    world.published = [a_report("a")]
    world.live(10)
    assert len(world.state) == 1
    same = PlanetReportsEventTrigger(poll_interval=7, page_size=3)
    same.asset_state_store = world
    assert events_of(same, [a_report("a")]) == []
    other = PlanetReportsEventTrigger(plan_id=None, query={"x": 1})
    other.asset_state_store = world
    assert len(events_of(other, [a_report("a")])) == 1


@pytest.mark.parametrize("failing", ["aget", "aset"])
def test_without_a_store_it_goes_on_and_says_so_once(world, monkeypatch, caplog, failing):
    async def several(*_):
        raise ValueError("this trigger watches several assets")

    monkeypatch.setattr(world, failing, several)
    world.published = [a_report("a")]
    with caplog.at_level("WARNING"):
        world.live(10)
    world.pass_time(60)
    assert world.announced() == {"a": 1}
    assert caplog.text.count("What was announced can't be kept over a restart") == 1


def test_state_that_nobody_understands_is_a_beginning(world):
    trigger = PlanetReportsEventTrigger()
    world.state[trigger._state_key] = {"of": "another world"}
    world.published = [a_report("a")]
    world.live(10)
    world.pass_time(60)
    assert world.announced() == {"a": 1}


def test_it_polls_the_api_and_announces_what_is_published_meanwhile(sandbox):
    before = [each["report_id"] for each in sandbox.reports]

    async def watch():
        trigger = PlanetReportsEventTrigger(poll_interval=0.05)
        watching = asyncio.create_task(first_events(trigger, 2))
        while not sandbox.exchanges:
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        sandbox.publish(*Sandbox(days=1, plans=(77,))._reports.values())
        return await watching

    first, second = asyncio.run(watch())
    assert ids_of(first) == before
    assert {each["plan_id"] for each in second.payload["reports"]} == {77}


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
def test_no_answer_ends_it_and_the_first_of_several_is_logged(monkeypatch, caplog, status):
    monkeypatch.setattr(polling, "_TROUBLE_PAUSE", 0.02)
    monkeypatch.setattr(polling, "_REFUSAL_PAUSE", 0.02)
    sandbox = Troubled(days=1)
    sandbox.answers = (Answer(status, {"message": "No."}),) * 3 + (Answer(200, ["no listing"]),)
    with sandbox.serve(), caplog.at_level("INFO"):
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        asyncio.run(first_events(PlanetReportsEventTrigger(poll_interval=0.02), 1))
    assert caplog.text.count("Looking for new reports failed") == 1
    assert "Looking for new reports works again." in caplog.text


def test_a_connection_that_is_missing_is_waited_for(monkeypatch, sandbox):
    monkeypatch.setattr(polling, "_TROUBLE_PAUSE", 0.02)
    monkeypatch.setattr(polling, "_REFUSAL_PAUSE", 0.02)
    fine = {"login": sandbox.key, "conn_type": "planet_reports", "host": sandbox.base_url}

    async def watch():
        trigger = PlanetReportsEventTrigger("appears_later", poll_interval=0.02)
        watching = asyncio.create_task(first_events(trigger, 1))
        await asyncio.sleep(0.3)
        assert not watching.done()
        monkeypatch.setenv("AIRFLOW_CONN_APPEARS_LATER", json.dumps(fine))
        return await watching

    assert asyncio.run(watch())


def test_a_refusal_is_no_storm(monkeypatch):
    sandbox = Sandbox(days=1)
    with sandbox.serve():
        connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(first_events(PlanetReportsEventTrigger(poll_interval=0.01), 1, seconds=2))
    assert len(sandbox.exchanges) == 1


def test_two_hundred_watchers_with_ten_filters_share_one_poll(sandbox):
    stream = pytest.importorskip("airflow.triggers.shared_stream", reason="from Airflow 3.3 on")
    interval, filters = (
        0.5,
        [{"plan_id": plan} for plan in range(1, 9)]
        + [
            {"report_type": "summary", "plan_id": 1001},
            {"cadence": "daily", "start": days_ago(2)},
        ],
    )

    async def watch():
        manager = stream.SharedStreamManager()
        events = [[] for _ in range(200)]

        async def consume(number):
            trigger = PlanetReportsEventTrigger(poll_interval=interval, **filters[number % 10])
            key = trigger.shared_stream_key()
            shared = manager.subscribe(trigger_id=number, trigger=trigger, key=key)
            async for event in trigger.filter_shared_stream(shared):
                events[number] += ids_of(event)

        tasks = [asyncio.create_task(consume(number)) for number in range(200)]
        begun = time.monotonic()
        await asyncio.sleep(4)
        polls, most = len(sandbox.exchanges), (time.monotonic() - begun) / (0.9 * interval) + 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await manager.stop_all()
        assert 2 <= polls <= most
        return events

    events = asyncio.run(watch())
    summaries = {r["report_id"] for r in sandbox.reports if r["report_type"] == "summary"}
    recent = {
        r["report_id"]
        for r in sandbox.reports
        if r["cadence"] == "daily" and r["data_date_start"] >= days_ago(2)
    }
    for number, announced in enumerate(events):
        assert len(announced) == len(set(announced))
        assert set(announced) == {8: summaries, 9: recent}.get(number % 10, set())


def test_watchers_of_one_listing_go_through_it_in_different_turns_of_the_loop():
    turn, turns = 0, []

    async def listings():
        yield [a_report("a")]

    async def watch():
        trigger = PlanetReportsEventTrigger(poll_interval=1)
        async for _ in trigger.filter_shared_stream(listings()):
            turns.append(turn)

    async def run():
        nonlocal turn
        watching = asyncio.gather(*(watch() for _ in range(50)))
        while not watching.done():
            await asyncio.sleep(0)
            turn += 1

    asyncio.run(run())
    assert len(turns) == 50
    assert len(set(turns)) > 25


def test_a_shared_poll_reaches_as_far_back_as_any_watcher_needs(sandbox):
    far = PlanetReportsEventTrigger(poll_interval=0.05, start="2020-02-02")
    near = PlanetReportsEventTrigger(poll_interval=0.05)
    assert far.shared_stream_key() == near.shared_stream_key()
    asyncio.run(first_events(near, 1))
    assert "start=2020-02-02" in sandbox.exchanges[0][1]


@pytest.mark.parametrize(
    "other",
    [{"org_id": 1}, {"query": {"a": 1}}, {"path": "x/"}, {"poll_interval": 9}, {"page_size": 5}],
)
def test_other_listings_are_other_polls(other):
    mine, others = PlanetReportsEventTrigger(), PlanetReportsEventTrigger(**other)
    assert mine.shared_stream_key() != others.shared_stream_key()


def test_it_is_plain_json_in_one_order_that_makes_it_again():
    trigger = PlanetReportsEventTrigger(
        "mine", start=dt.date(2026, 1, 1), plan_id=7, query={"b": 1, "a": [2]}, poll_interval=9
    )
    path, kwargs = trigger.serialize()
    assert path.endswith(".triggers.planet_reports.PlanetReportsEventTrigger")
    again = PlanetReportsEventTrigger(**json.loads(json.dumps(kwargs)))
    assert json.dumps(again.serialize()) == json.dumps(trigger.serialize())


def test_it_starts_with_the_arguments_of_an_older_version():
    assert PlanetReportsEventTrigger(planet_reports_conn_id="mine").poll_interval == 300


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"poll_interval": 0}, "poll_interval=0 is not allowed"),
        ({"poll_interval": -1.5}, r"poll_interval=-1\.5 is not allowed"),
        ({"poll_interval": None}, "poll_interval=None is not allowed"),
        ({"poll_interval": float("nan")}, "poll_interval=nan is not allowed"),
        ({"cadence": "weekly"}, "cadence='weekly' is not allowed"),
        ({"destination": 7}, "must be an ObjectStoragePath or its URL"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        PlanetReportsEventTrigger(**parameters)
