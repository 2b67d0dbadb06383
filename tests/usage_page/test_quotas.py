"""Quotas per plan: how far they are used, and what Planet says of them."""

from __future__ import annotations

import datetime as dt

import pytest
from pages import HEADER, LAST, MADE, a_row_a_day

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.usage_page.quotas import given_quotas
from airflow_provider_planet_reports.warehouse.errors import WarehouseRefused

TERM = {"term_start_date": "2026-11-18T00:00:00Z", "term_end_date": "2027-11-17T23:59:59Z"}


def product(**fields):
    return {
        "id": 1, "title": "Gold", "billable_id": 7, "quota_total": 100.0, "quota_used": 70.0,
        "quota_units": "sqkm", "unlimited_quota": False, "state": "active", **TERM, **fields,
    }  # fmt: skip


# As the user gives them


def test_a_quota_is_projected_from_the_days_shown(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    text = write(warehouse, quotas={"7": {"amount": 100, "start": "2026-11-18"}}).text
    assert "70 of 100 (70%) since 18 Nov 2026" in text
    assert "At 10 a day, the average of the days shown, it is used up around 27 Nov 2026." in text
    text = write(warehouse, quotas={"7": 100}).text
    assert "since 18 Nov 2026, the first day shown: name the quota's own first day" in text


def test_it_may_have_begun_before_and_may_end(load, write):
    warehouse = load(*a_row_a_day(*[10] * 14, None, *[10] * 9, last=LAST))
    quota = {"amount": 1000, "start": "2026-11-01", "end": "2026-11-30"}
    text = write(warehouse, quotas={"7": quota}).text
    assert "230 of 1,000 (23%) since 1 Nov 2026" in text
    assert "about 29% is used when its term ends on 30 Nov 2026" in text
    assert "1 day since then is not loaded: more may be used." in text
    text = write(warehouse, quotas={"7": {**quota, "amount": 240}}).text
    assert "around 25 Nov 2026, before its term ends on 30 Nov 2026." in text
    text = write(warehouse, quotas={"7": {**quota, "end": "2026-11-10"}}).text
    assert "Its term ended on 10 Nov 2026." in text


def test_a_plan_that_has_no_report_is_named(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    page = write(warehouse, quotas={"70": 100}, area_under_management=["71"])
    assert page.alerts == [
        "No report is loaded of 11 \N{EN DASH} 24 Nov 2026 of these plans: 70, 71."
    ]


def test_a_term_that_has_not_begun_counts_nothing(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    page = write(warehouse, quotas={"7": {"amount": 100, "start": "2026-11-25"}})
    assert page.table(f"Plans, {page.period}")["7"]["Quota used"] == "\N{EN DASH}"


def test_one_that_is_used_up_has_its_day(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    text = write(warehouse, quotas={"7": {"amount": 35, "start": "2026-11-18"}}).text
    assert "Used up on 21 Nov 2026, and exceeded by 35." in text


def test_no_forecast_comes_from_few_days_or_from_next_to_no_usage(load, write):
    few = write(load(*a_row_a_day(10, 10, last=LAST)), quotas={"7": 100})
    assert "Too few days are loaded for a forecast." in few.text
    little = load(*a_row_a_day(*["0.01"] * 7, last=LAST, plan=8))
    assert "it lasts for more than five years" in write(little, quotas={"8": 10**9}).text


@pytest.mark.parametrize("usages", [[0] * 7, [-3] * 7, ["-1.5", 4, 0, 0, 0, 0, 0]])
def test_corrections_may_leave_little_or_less_than_nothing(load, write, usages):
    page = write(load(*a_row_a_day(*usages, last=LAST)), quotas={"7": 10})
    total = sum(map(float, usages))
    assert float(page.table("Users, 7")["ada ada@x"]["Usage"]) == total


def test_plans_are_added_up_where_their_unit_is_one(load, write):
    warehouse = load(*a_row_a_day(*[1] * 7, last=LAST), *a_row_a_day(*[10] * 7, last=LAST, plan=12))
    units = {plan: {"unit": "km²"} for plan in ("7", "12")}
    page = write(warehouse, quotas=units)
    table = page.table(f"Plans, {page.period}")
    assert list(table) == ["All plans", "7", "12"]
    assert table["All plans"]["Usage"] == "77 km²"
    assert page.table("Users, All plans")["ada ada@x"]["Usage"] == "77"
    assert page.table("Months, All plans")["Nov 2026"] == {
        "Usage": "77", "Days": "7", "A day": "11", "Change": "\N{EN DASH}"
    }  # fmt: skip


def test_a_day_that_one_plan_lacks_is_no_decline_of_all(load, write):
    whole, lacking = [8] * 14, [2, None, *[2] * 12]
    warehouse = load(*a_row_a_day(*whole, last=LAST), *a_row_a_day(*lacking, last=LAST, plan=12))
    page = write(warehouse, quotas={plan: {"unit": "km²"} for plan in ("7", "12")})
    total = page.table(f"Plans, {page.period}")["All plans"]
    assert total["Change"] == "= 0.0% before 70"
    assert page.table("Users, All plans")["ada ada@x"]["Change"] == "= 0.0% before 70"
    assert page.table("Usage by day, All plans")["23 Nov 2026"]["Usage"] == "8"
    assert page.table("Usage by day, 12")["23 Nov 2026"]["Usage"] == "no report"


@pytest.mark.parametrize(
    ("quotas", "managed", "why"),
    [
        (
            {"7": {"unit": "km²"}, "12": {"unit": "tiles"}},
            [],
            "the plans' units differ: km², tiles",
        ),
        ({"7": {"unit": "km²"}}, [], "the plans' units are not all known"),
        ({"7": {"unit": "km²"}, "12": {"unit": "km²"}}, ["12"], "a plan that charges area under"),
    ],
)
def test_they_are_not_added_up_where_that_means_nothing(load, write, quotas, managed, why):
    warehouse = load(*a_row_a_day(*[1] * 7, last=LAST), *a_row_a_day(*[10] * 7, last=LAST, plan=12))
    page = write(warehouse, quotas=quotas, area_under_management=managed)
    assert list(page.table(f"Plans, {page.period}")) == ["7", "12"]
    assert f"There is no total: {why}" in page.text
    assert not [row for row in page.rows_of_csv if row["plan"] == "All plans"]


def test_area_under_management_has_no_forecast_and_the_page_says_why(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    page = write(warehouse, quotas={"7": 100}, area_under_management=["7"])
    assert "No forecast: this plan charges area under management" in page.text
    assert "used up" not in page.text
    said_by_planet = [product(quota_style="Area Under Management")]
    assert "No forecast: this plan" in write(warehouse, products=said_by_planet).text


@pytest.mark.parametrize(
    ("quotas", "error"),
    [
        ("{", "cannot be read: give a mapping of plan to amount"),
        ([1], "must be a mapping of plan to amount, or 'planet'"),
        ({"7": 0}, "has the amount 0: it must be a number"),
        ({"7": "much"}, "has the amount 'much'"),
        ({"7": {"amount": 1, "begin": "x"}}, "has the unknown name 'begin'"),
        ({"7": {"amount": 1, "end": "1 May"}}, "has end='1 May': write it as YYYY-MM-DD"),
    ],
)
def test_quotas_that_make_no_sense_are_refused(quotas, error):
    with pytest.raises(InvalidInput, match=error):
        given_quotas(quotas)


def test_quotas_may_be_text_as_templates_make_it():
    assert given_quotas('{"7": "5"}') == given_quotas({7: 5})
    assert given_quotas("") == given_quotas(None) == {}


# As Planet says


def test_what_planet_says_stands_beside_what_the_reports_say(load, write):
    page = write(load(*a_row_a_day(*[10] * 7, last=LAST)), products=[product()])
    assert "Planet says 70 of 100 used; the loaded reports say 70 km²" in page.text
    assert page.table(f"Plans, {page.period}").keys() == {"7 Gold"}
    assert page.amounts("used, Planet", "7") == [70.0]
    assert page.alerts == []


def test_a_drift_is_a_warning_that_says_whether_days_are_lacking(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    differ = "Plan 7: Planet says 140 used, the loaded reports say 70 since {}. They differ by 70 "
    whole = write(warehouse, products=[product(quota_used=140)])
    assert whole.alerts == [f"{differ.format('18 Nov 2026')}(50%). All days since then are loaded."]
    lacking = product(quota_used="140", term_start_date="2026-11-01")
    assert write(warehouse, products=[lacking]).alerts == [
        f"{differ.format('1 Nov 2026')}(50%). Not loaded since then: 17 days."
    ]


@pytest.mark.parametrize(
    "products",
    [
        [product(billable_id=70)],
        [product(billable_id=None, id=7)],  # the id of a product is not the id of a plan
        [product(), product(id=2)],  # two, and nothing says which
    ],
)
def test_nothing_is_guessed_where_ids_do_not_meet(load, write, products):
    page = write(load(*a_row_a_day(*[10] * 7, last=LAST)), products=products)
    assert page.table(f"Plans, {page.period}")["7"]["Quota used"] == "\N{EN DASH}"
    (alert,) = page.alerts
    assert alert.startswith(f"{len(products)} of the account's products")
    assert "Gold" in alert


def test_of_several_terms_it_is_the_one_that_has_the_last_day(load, write):
    ended = product(id=2, term_start_date="2025-01-01", term_end_date="2025-12-31", title="Old")
    page = write(load(*a_row_a_day(*[10] * 7, last=LAST)), products=[ended, product()])
    assert "7 Gold" in page.table(f"Plans, {page.period}")
    assert page.alerts == []


def test_one_without_a_limit_has_no_forecast(load, write):
    warehouse = load(*a_row_a_day(*[10] * 7, last=LAST))
    page = write(warehouse, products=[product(unlimited_quota=True)])
    assert "Planet says 70 of no limit used" in page.text
    assert "Without a limit." in page.text


def test_a_snapshot_is_kept_for_each_day(warehouse, write):
    text = f"{HEADER}{LAST},x,ada,Ada,70\n".encode()
    warehouse.zone.land("a", text, day=str(LAST))
    warehouse.load()
    for used in (60, 70):
        write(warehouse, products=[product(quota_used=used, plan_id="1-7"), product(id=2)])
    start, end = dt.date(2026, 11, 18), dt.date(2027, 11, 17)
    assert warehouse.ask("SELECT * FROM quota_snapshots ORDER BY product_id") == [
        (MADE.date(), "1", "1-7, 7", "Gold", "active", "km²", 100.0, 70.0, start, end),
        (MADE.date(), "2", "7", "Gold", "active", "km²", 100.0, 70.0, start, end),
    ]
    warehouse.ask("UPDATE quota_snapshots SET day = DATE '2026-01-01' RETURNING day")
    write(warehouse, products=[product()])
    assert len(warehouse.ask("SELECT day FROM quota_snapshots")) == 3


def test_a_snapshot_that_cannot_be_kept_is_said(warehouse, write):
    warehouse.load()
    if "duckdb" in warehouse.url:
        warehouse.ask("CREATE VIEW quota_snapshots AS SELECT 1 AS day")
    else:
        warehouse.ask("CREATE TABLE quota_snapshots (other TEXT)")
    with pytest.raises(WarehouseRefused, match="Quotas cannot be kept: let this user create"):
        write(warehouse, products=[product()])


def test_a_refusal_is_said_and_the_page_is_there(load, write):
    page = write(load(*a_row_a_day(*[10] * 7, last=LAST)), refusal="API key rejected (401).")
    assert page.alerts == [
        "Planet did not give the quotas, so this page has none: API key rejected (401)."
    ]
    assert page.table("Users, 7")


@pytest.mark.parametrize("odd", [{}, {"quota_total": "NaN", "term_start_date": 5}, {"id": None}])
def test_products_with_odd_fields_do_no_harm(load, write, odd):
    page = write(load(*a_row_a_day(*[10] * 7, last=LAST)), products=[{"billable_id": 7, **odd}])
    assert page.table("Users, 7")
