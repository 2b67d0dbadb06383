from __future__ import annotations

import datetime as dt
import json

import pytest

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.triggers import announced as module
from airflow_provider_planet_reports.triggers.announced import Announced

FLOOR = dt.date(2026, 1, 1)


def a_report(report_id, day="2026-02-01"):
    return Report(report_id, data_date_start=day)


def ids_of(reports):
    return [report.report_id for report in reports]


def test_what_was_announced_is_not_new_any_more():
    announced = Announced(FLOOR)
    announced.add([a_report("a")])
    assert ids_of(announced.not_yet([a_report("a"), a_report("b")])) == ["b"]


def test_only_watched_days_count():
    days = ["2025-12-31", "2026-01-01", "2026-02-01"]
    reports = [a_report(day, day) for day in days]
    assert ids_of(Announced(FLOOR).not_yet(reports)) == days[1:]


@pytest.mark.parametrize("day", [None, "", "soon", 20260101])
def test_a_report_without_a_day_is_announced_too_and_once(day):
    announced, report = Announced(FLOOR), a_report("a", day)
    assert announced.not_yet([report]) == [report]
    announced.add([report])
    announced.raise_floor(dt.date(2030, 1, 1))
    assert announced.not_yet([report]) == []


def test_days_no_longer_watched_are_forgotten_and_stay_unwatched():
    announced = Announced(FLOOR)
    announced.add([a_report("a", "2026-01-05"), a_report("b", "2026-02-01")])
    announced.raise_floor(dt.date(2026, 2, 1))
    assert len(announced) == 1
    announced.raise_floor(FLOOR)
    assert announced.not_yet([a_report("a", "2026-01-05")]) == []


def test_its_state_is_json_and_brings_it_back():
    announced = Announced(FLOOR)
    reports = [a_report("a"), a_report("b", "2026-03-01"), a_report("ü\ud800", None)]
    announced.add(reports)
    state = json.loads(json.dumps(announced.to_state()))
    again = Announced.from_state(state, dt.date(2025, 1, 1))
    assert again.floor == FLOOR
    assert again.to_state() == state
    assert (
        again.not_yet([a_report("a"), a_report("b", "2026-03-01"), a_report("ü\ud800", None)]) == []
    )


def test_no_state_is_a_beginning():
    assert len(Announced.from_state(None, FLOOR)) == 0


@pytest.mark.parametrize(
    "state",
    [[], "x", 7, {}, {"days": {}}, {"days": [], "floor": "2026-01-01"},
     {"days": {"soon": ""}, "floor": "2026-01-01"}, {"days": {"2026-01-01": "!"}, "floor": "x"},
     {"days": {"2026-01-01": 7}, "floor": "2026-01-01"}],
)  # fmt: skip
def test_what_is_no_state_is_refused(state):
    with pytest.raises(ValueError):  # noqa: PT011 - the caller only asks whether
        Announced.from_state(state, FLOOR)


def test_it_is_bounded_by_giving_up_the_oldest_days(monkeypatch):
    monkeypatch.setattr(module, "MOST_REMEMBERED", 10)
    announced = Announced(FLOOR)
    for number in range(100):
        day = (FLOOR + dt.timedelta(days=number // 3)).isoformat()
        announced.add([a_report(str(number), day)])
        assert len(announced) <= 10
    assert announced.not_yet([a_report("0", "2026-01-01")]) == []  # unwatched, not new again


def test_twenty_thousand_reports_take_a_quarter_of_a_megabyte():
    announced = Announced(FLOOR)
    for day in range(100):
        when = (FLOOR + dt.timedelta(days=day)).isoformat()
        announced.add([a_report(f"{day}/{number}", when) for number in range(200)])
    assert len(announced) == 20_000
    assert len(json.dumps(announced.to_state())) < 250_000
