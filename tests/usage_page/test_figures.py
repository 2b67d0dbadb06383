"""Each figure on the page is the one that SQL gives, over the lines themselves."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from pages import HEADER, LAST, a_row_a_day, before, number

FIRST = LAST - dt.timedelta(days=19)
START = FIRST - dt.timedelta(days=20)
TYPES = ["PSScene", "SkySatCollect", "SkySatScene", "A_B", "Tile", "x", "y", "z"]
NAMES = {"1001": 15, "1002": 3}  # users by plan


@pytest.fixture
def filled(warehouse):
    """Forty days of two plans: dates of two forms, a report that is missing, one that is twice."""
    chance = random.Random(7)
    for plan, users in NAMES.items():
        for back in range(40):
            day = LAST - dt.timedelta(days=back)
            lines = []
            for number_of in range(users):
                date = f"{day:%d/%m/%Y}" if number_of % 5 == 4 else str(day)
                item_type = TYPES[min(int(chance.expovariate(0.5)), 7)]
                usage = round(chance.expovariate(1 / 300), 2)
                lines.append(f"{date},{item_type},u{number_of}@x,U {number_of},{usage}\n")
            if back == 3:
                lines += [f"{day},PSScene,u0@x,U 0,n/a\n", "Total,,,,999\n"]
            if (plan, back) == ("1002", 5):
                continue
            text = f"{HEADER}{''.join(lines)}".encode()
            warehouse.zone.land(f"{plan}-{day}", text, day=str(day), plan_id=int(plan), run="one")
            if (plan, back) == ("1001", 8):
                again = f"{HEADER}{day},PSScene,u0@x,U 0,100000\n".encode()
                warehouse.zone.land("00", again, day=str(day), plan_id=int(plan), run="one")
    assert warehouse.load().failures == []
    return warehouse


def sums(warehouse, plan, first, last, *keys):
    """Usage by columns of the files, of the lines that are figures, of the reports that count."""
    columns = ", ".join(keys)
    return {
        row[:-1] if len(keys) > 1 else row[0]: row[-1]
        for row in warehouse.ask(
            f"SELECT {columns}, sum(CAST(usage AS DOUBLE PRECISION)) FROM summary_daily "
            f"WHERE _plan_id = '{plan}' AND _data_date BETWEEN DATE '{first}' AND DATE '{last}' "
            "AND usage <> 'n/a' AND item_type IS NOT NULL AND _report_id <> '00' "
            f"GROUP BY {columns}"
        )
    }


def close(text, amount):
    return number(text) == pytest.approx(amount, abs=0.51)


@pytest.mark.parametrize("plan", NAMES)
def test_every_figure_is_that_of_sql(filled, write, plan):
    page = write(filled, days=20, quotas={plan: {"amount": 10**6, "start": str(START)}})
    day = dt.timedelta(days=1)
    now = sums(filled, plan, FIRST, LAST, "user_email", "item_type")
    earlier = sums(filled, plan, START, FIRST - day, "user_email", "item_type")
    total, total_before = sum(now.values()), sum(earlier.values())
    loaded = 19 if plan == "1002" else 20

    shown = page.table(f"Plans, {page.period}")[plan]
    assert close(shown["Usage"], total)
    assert before(shown["Change"]) == pytest.approx(total_before, abs=0.51)
    change = (total / loaded) / (total_before / 20) - 1
    assert number(shown["Change"][2:]) == pytest.approx(100 * abs(change), abs=0.06)
    assert shown["Change"][0] == "▼▲"[change > 0]
    assert (shown["Users"], shown["Days"]) == (str(NAMES[plan]), f"{loaded} of 20")
    all_of_it = total + total_before
    assert number(shown["Quota used"]) == pytest.approx(all_of_it / 10**4, abs=0.51)
    assert page.amounts("used, loaded reports", plan) == [pytest.approx(all_of_it)]

    by_type = sums(filled, plan, FIRST, LAST, "item_type")
    table = page.table(f"Item types, {plan}")
    named = [name for name in table if "other" not in name]
    assert named == sorted(by_type, key=lambda name: -by_type[name])[:6]
    for name in named:
        assert close(table[name]["Usage"], by_type[name])
        assert before(table[name]["Change"]) == pytest.approx(
            sum(usage for (_, item_type), usage in earlier.items() if item_type == name), abs=0.51
        )
    assert sum(number(row["Usage"]) for row in table.values()) == pytest.approx(total, abs=4)

    by_user = sums(filled, plan, FIRST, LAST, "user_email")
    users = page.table(f"Users, {plan}")
    assert len(users) == min(NAMES[plan], 13)
    for user in sorted(by_user, key=lambda name: -by_user[name])[:12]:
        row = users[f"U {user[1:-2]} {user}"]
        assert close(row["Usage"], by_user[user])
        for name in named:
            assert close(row[name], now.get((user, name), 0.0))
    assert sum(number(row["Usage"]) for row in users.values()) == pytest.approx(total, abs=8)

    days = page.table(f"Usage by day, {plan}")
    by_day = sums(filled, plan, FIRST, LAST, "_data_date", "item_type")
    for each in (FIRST + number_of * day for number_of in range(20)):
        row = days[f"{each.day} {each:%b %Y}"]
        of_day = {name: usage for (when, name), usage in by_day.items() if when == each}
        if not of_day:
            assert row == {"Usage": "no report"}
            continue
        assert close(row["Usage"], sum(of_day.values()))
        assert all(close(row[name], of_day.get(name, 0.0)) for name in named)

    months = page.table(f"Months, {plan}")
    by_month = sums(filled, plan, START, LAST, "substr(CAST(_data_date AS TEXT), 1, 7)")
    assert {"Oct 2026": "2026-10", "Nov 2026": "2026-11"}.keys() == months.keys()
    assert close(months["Oct 2026"]["Usage"], by_month["2026-10"])
    assert close(months["Nov 2026"]["Usage"], by_month["2026-11"])

    changed = {
        key: now.get(key, 0.0) / loaded - earlier.get(key, 0.0) / 20 for key in {*now, *earlier}
    }
    most = sorted(changed, key=lambda key: -abs(changed[key]))[:6]
    assert [row[0] for row in page.tables[f"What changed most, {plan}"][1:]] == [
        " ".join(key) for key in most
    ]
    for key, row in zip(most, page.tables[f"What changed most, {plan}"][1:], strict=True):
        assert number(row[3]) == pytest.approx(changed[key], abs=0.51)

    # The spreadsheet has all of it, not the first ones alone.
    for (user, item_type), usage in now.items():
        of_user = {"user": user, "item_type": item_type, "first_day": FIRST}
        assert page.amounts("usage by user", plan, **of_user) == [pytest.approx(usage)]
    for (when, item_type), usage in by_day.items():
        of_day = {"first_day": when, "item_type": item_type}
        assert page.amounts("usage by day", plan, **of_day) == [pytest.approx(usage)]
    assert page.amounts("usage by month", plan, first_day="2026-11-01", last_day=LAST) == [
        pytest.approx(by_month["2026-11"])
    ]


def test_what_is_wrong_with_the_reports_is_said_first_with_how_many(filled, write):
    page = write(filled, days=20)
    assert page.alerts == [
        "Plan 1002 has no report of 1 day: 19 Nov 2026.",
        "1 duplicate report of 16 Oct \N{EN DASH} 24 Nov 2026 is loaded: one of each plan and day "
        "counts.",
        f"4 of {18 * 40 - 3 + 4} lines of 16 Oct \N{EN DASH} 24 Nov 2026 could not be read, and "
        "are in no figure. Closing lines of a file count, too.",
    ]


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("date;item_type;usage", "The only column of the files is 'date;item_type;usage': they"),
        ("date,item_type,quota", "The files have the columns date, item_type, quota. If the usage"),
    ],
)
def test_a_page_without_any_usage_says_why(load, write, header, says):
    page = write(load((LAST, 7, f"{header}\n2026-11-24,x,5\n".replace(",", header[4]))))
    assert page.alerts[-1].startswith(says)


def test_a_page_without_users_says_which_column_it_misses(load, write):
    warehouse = load((LAST, 7, "date,item_type,usage,who\n2026-11-24,x,5,me\n"))
    assert write(warehouse).alerts == [
        "No user is named: the files have no column 'user_email'. They have the columns date, "
        "item_type, usage, who; name the users' one in the parameter columns of this page's task."
    ]
    assert write(warehouse, columns={"user": "WHO"}).alerts == []


def test_of_many_missing_days_the_first_ones_are_named(load, write):
    usages = [1 if back % 2 == 0 or back == 61 else None for back in range(62)]
    page = write(load(*a_row_a_day(*usages, last=LAST)), days=61)
    (alert,) = page.alerts
    assert alert.startswith("Plan 7 has no report of 30 days: 26 Sep 2026, 28 Sep 2026, ")
    assert alert.endswith("10 Oct 2026, and 22 days more.")


def test_a_page_that_lags_behind_says_so(load, write):
    page = write(load(*a_row_a_day(1, 1, 1, last=dt.date(2026, 1, 5))), end=None)
    assert "3 \N{EN DASH} 5 Jan 2026" not in page.text  # seven days, ending on the newest
    assert page.period == "30 Dec 2025 \N{EN DASH} 5 Jan 2026"
    assert page.alerts[0].startswith("The newest loaded day is 5 Jan 2026, ")


def test_the_other_period_is_compared_by_loaded_days(load, write):
    page = write(load(*a_row_a_day(*[3] * 7, *[2] * 5, last=LAST)))
    assert page.table(f"Plans, {page.period}")["7"]["Change"] == "▲ 50.0% before 10"


def test_who_is_new_is_called_so_and_without_a_period_before_nothing_is_compared(load, write):
    warehouse = load(*a_row_a_day(*[3] * 7, last=LAST, user="bob@x"))
    page = write(warehouse)
    assert page.table("Users, 7")["bob bob@x"]["Change"] == "\N{EN DASH}"
    assert "There is nothing to compare with." in page.text
    load(*a_row_a_day(*[None] * 7, *[3] * 7, last=LAST))
    users = write(warehouse).table("Users, 7")
    assert users["bob bob@x"]["Change"] == "new before 0"
    assert users["ada ada@x"]["Change"] == "▼ 100.0% before 21"


def test_users_may_be_in_other_columns_or_in_none(load, write):
    warehouse = load((LAST, 7, f'date,item_type,"who ""100%""",usage\n{LAST},x,ada,1234\n'))
    assert write(warehouse).table("Users, 7")["(not named)"]["Usage"] == "1,234"
    page = write(warehouse, columns={"user": 'who "100%"'})
    assert page.table("Users, 7")["ada"]["Usage"] == "1,234"


@pytest.mark.parametrize(
    ("days", "kind", "parts", "first"),
    [
        (1, "day", 1, "24 Nov 2026"),
        (62, "day", 62, "24 Sep 2026"),
        (366, "week", 53, "24 \N{EN DASH} 25 Nov 2025"),
        (730, "month", 25, "25 \N{EN DASH} 30 Nov 2024"),
    ],
)
def test_long_periods_are_shown_by_week_or_month(load, write, days, kind, parts, first):
    usages = [*(1 + back % 3 for back in range(days)), 5]
    if days > 62:  # every day would take long to land
        usages = [usage if back % 7 == 0 else None for back, usage in enumerate(usages)]
    page = write(load(*a_row_a_day(*usages, last=LAST)), days=days)
    rows = page.tables[f"Usage by {kind}, 7"][1:]
    assert len(rows) == parts
    assert rows[-1][0] == first
    shown = sum(usage for usage in usages[:days] if usage)
    assert sum(number(row[1]) for row in rows if row[1] != "no report") == shown
    if kind != "day":
        assert {"2025", "2026"} <= set(page.chart_texts)
