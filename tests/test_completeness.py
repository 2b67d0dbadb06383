from __future__ import annotations

import datetime as dt

import pytest
from landings import land as land_files
from surroundings import connect

from airflow_provider_planet_reports.airflow_side.listing import check_completeness
from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.completeness import Gap
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

YESTERDAY = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
CONN_ID = "planet_reports_default"


def day(back):
    return (YESTERDAY - dt.timedelta(days=back)).isoformat()


@pytest.fixture
def api(monkeypatch):
    """Start a sandbox that the default connection leads to."""
    running = []

    def api(**options):
        sandbox = Sandbox(**{"days": 5, "plans": (1001,), **options})
        server = sandbox.serve()
        running.append(server)
        connect(monkeypatch, sandbox.key, server.__enter__())
        return sandbox

    yield api
    for server in running:
        server.__exit__(None, None, None)


@pytest.fixture
def land(tmp_path):
    def land(**filters):
        operator = PlanetReportsToObjectStorageOperator(
            task_id="land", destination=tmp_path.as_uri(), **filters
        )
        return {report["report_id"] for report in operator.execute({})}

    return land


@pytest.fixture
def found(tmp_path):
    def found(loaded=None, except_reports=(), grace_days=3, **filters):
        is_loaded = loaded if loaded is None else lambda receipt: receipt.report_id in loaded
        return check_completeness(
            CONN_ID, filters, tmp_path.as_uri(), is_loaded=is_loaded, grace_days=grace_days,
            except_reports=except_reports,
        )  # fmt: skip

    return found


def only(sandbox, **wanted):
    (report,) = (each for each in sandbox.reports if wanted.items() <= each.items())
    return report["report_id"]


def test_nothing_is_missing_where_everything_is_landed_and_loaded(api, land, found):
    api()
    landed = land(cadence="daily")
    result = found(start=day(4), loaded=landed)
    assert result.gaps == ()
    assert result.periods == tuple(day(back) for back in (4, 3, 2, 1, 0))
    assert (result.reports, result.landed, result.loaded) == (10, 10, 10)
    assert (result.start, result.end, result.cadence) == (day(4), day(0), "daily")


def test_each_day_is_no_report_not_landed_or_not_loaded(api, land, found):
    sandbox = api()
    summary = {"report_type": "summary", "cadence": "daily"}
    gone, late, unloaded = (
        only(sandbox, data_date_start=day(back), **summary) for back in (3, 1, 2)
    )
    sandbox.withdraw(gone)
    landed = land(**summary, end=day(2))
    result = found(start=day(3), end=day(1), report_type="summary", loaded=landed - {unloaded})
    assert result.gaps == (
        Gap(day(3), "1001", "summary", "daily", "no report"),
        Gap(day(2), "1001", "summary", "daily", "not loaded", unloaded),
        Gap(day(1), "1001", "summary", "daily", "not landed", late),
    )
    assert (result.reports, result.landed, result.loaded) == (2, 1, 0)
    assert result.to_dict()["gaps"][0]["state"] == "no report"
    # Who does not ask what is loaded is not told.
    assert [gap.state for gap in found(start=day(2), end=day(2), plan_id=1001).gaps] == [
        "not landed"  # the detailed one
    ]


def test_every_plan_and_type_is_to_have_each_day(api, land, found):
    sandbox = api(plans=(1001, 1002))
    sandbox.withdraw(
        only(sandbox, data_date_start=day(1), report_type="detailed", plan_id=1002, cadence="daily")
    )
    land(cadence="daily")
    assert found(start=day(4)).gaps == (Gap(day(1), "1002", "detailed", "daily", "no report"),)
    assert found(start=day(4), plan_id=1001).gaps == ()


def test_what_is_landed_is_not_missed_when_planet_lists_it_no_more(api, land, found):
    sandbox = api()
    land(cadence="daily")
    for report in sandbox.reports:
        sandbox.withdraw(report["report_id"])
    result = found(start=day(2), org_id=f"00{sandbox.org_id}")
    assert (result.gaps, result.reports, result.landed) == ((), 6, 6)
    assert {gap.state for gap in found(start=day(2), plan_id=5).gaps} == {"no report"}


def test_where_nothing_was_ever_found_every_day_is_missing(api, found):
    api(days=0)
    assert found(start=day(1), report_type="summary", plan_id="07").gaps == (
        Gap(day(1), "07", "summary", "daily", "no report"),
        Gap(day(0), "07", "summary", "daily", "no report"),
    )
    assert found(start=day(0)).gaps == (Gap(day(0), None, None, "daily", "no report"),)


def test_today_and_the_days_to_come_are_not_expected(api, land, found):
    api()
    land(cadence="daily")
    for end in (day(-1), day(-30), None):
        assert found(start=day(1), end=end).periods == (day(1), day(0))
    result = found(start=day(-1))
    assert (result.periods, result.gaps) == ((), ())


def test_of_monthly_reports_whole_months_are_expected(api, land, found):
    sandbox = api(days=100, last_day=YESTERDAY)
    land(cadence="monthly", report_type="summary")
    last = YESTERDAY.replace(day=1) - dt.timedelta(days=1)
    before = last.replace(day=1) - dt.timedelta(days=1)
    result = found(
        start=before.replace(day=1), end=YESTERDAY.replace(day=1), cadence="monthly",
        report_type="summary",
    )  # fmt: skip
    assert result.periods == (f"{before:%Y-%m}", f"{last:%Y-%m}")
    assert (result.gaps, result.reports) == ((), 2)
    # No month lies in it as a whole.
    part = found(start=before.replace(day=2), end=last.replace(day=20), cadence="monthly")
    assert (part.periods, part.gaps) == ((), ())
    report_id = only(
        sandbox, cadence="monthly", report_type="detailed", data_date_end=last.isoformat()
    )
    detailed = found(start=last.replace(day=1), end=last, cadence="monthly", report_type="detailed")
    assert detailed.gaps == (
        Gap(f"{last:%Y-%m}", "1001", "detailed", "monthly", "not landed", report_id),
    )


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({}, "start is required"),
        ({"start": "soon"}, "start='soon' is not a date"),
        ({"start": "2026-01-01", "cadence": "weekly", "path": "x"}, "cadence='weekly' cannot be"),
        ({"start": "2026-01-02", "end": "2026-01-01"}, "must not be after end"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_any_request(api, found, filters, message):
    sandbox = api()
    with pytest.raises(PlanetReportsTaskFailure, match=message):
        found(**filters)
    assert not sandbox.exchanges


def test_a_report_that_does_not_say_which_day_it_is_of_covers_none(api, found, monkeypatch):
    from airflow_provider_planet_reports.airflow_side import listing as module

    api()
    monkeypatch.setattr(
        module,
        "matching_reports",
        lambda *_: [Report("a"), Report("b", data_date_start=day(0))],
    )
    assert [(gap.state, gap.report_id) for gap in found(start=day(0)).gaps] == [("not landed", "b")]


def land_made_up(tmp_path, report_id, back, **fields):
    """Land a report that Planet does not list."""
    report = Report.from_dict(
        {
            "report_id": report_id, "contents": [], "org_id": 4321, "plan_id": 1001,
            "report_type": "summary", "cadence": "daily", "data_date_start": day(back),
            "data_date_end": day(back), **fields,
        }
    )  # fmt: skip
    land_files(LocalStore(tmp_path), report, b"n\n1\n")


def gaps_of(result):
    return [(gap.period, gap.plan_id, gap.state, gap.report_id) for gap in result.gaps]


def test_a_series_begins_with_its_first_report_and_ends_some_days_after_its_last(
    api, found, tmp_path
):
    api(days=0)
    for back in (9, 6):
        land_made_up(tmp_path, f"r{back}", back)
    missing = [day(8), day(7), day(5), day(4), day(3)]
    result = found(start=day(30), end=day(0), report_type="summary")
    assert gaps_of(result) == [(each, "1001", "no report", None) for each in missing]
    assert gaps_of(found(start=day(5), end=day(1), report_type="summary", grace_days=1)) == [
        (day(5), "1001", "no report", None)
    ]


def test_a_plan_that_has_ended_is_missed_only_where_nobody_asks_for_it_by_name(
    api, found, tmp_path
):
    api(days=0)
    land_made_up(tmp_path, "last", 20)
    days = {"start": day(2), "end": day(1), "report_type": "summary"}
    assert gaps_of(found(**days, plan_id=1001)) == []
    assert gaps_of(found(**days)) == [
        (day(2), None, "no report", None), (day(1), None, "no report", None)
    ]  # fmt: skip


def test_two_reports_of_a_day_and_one_id_in_two_places_are_duplicates(api, found, tmp_path):
    api(days=0)
    for report_id in ("first", "second"):
        land_made_up(tmp_path, report_id, 1)
    land_made_up(tmp_path, "same", 1, plan_id=1002)
    land_made_up(tmp_path, "same", 1, plan_id=1003)
    asked = {"start": day(1), "end": day(1)}
    assert gaps_of(found(**asked)) == [
        (day(1), "1001", "duplicate", "first"),
        (day(1), "1001", "duplicate", "second"),
        (day(1), "1002", "duplicate", "same"),
        (day(1), "1003", "duplicate", "same"),
    ]
    assert gaps_of(found(**asked, plan_id=1001, except_reports=["first"])) == [
        (day(1), "1001", "excepted", "first")
    ]


def test_an_excepted_report_is_neither_not_landed_nor_not_loaded(api, found):
    sandbox = api(days=1)
    report_id = only(sandbox, cadence="daily", report_type="summary")
    result = found(start=day(0), report_type="summary", loaded=(), except_reports=[report_id])
    assert gaps_of(result) == [(day(0), "1001", "excepted", report_id)]


def test_the_organization_of_the_connection_counts(api, found, tmp_path, monkeypatch):
    sandbox = api(days=0)
    land_made_up(tmp_path, "ours", 0)
    land_made_up(tmp_path, "theirs", 0, org_id=5, plan_id=5)
    with sandbox.serve() as url:
        connect(monkeypatch, sandbox.key, url, extra={"org_id": "4321"})
        assert (found(start=day(0)).reports, found(start=day(0)).landed) == (1, 1)
