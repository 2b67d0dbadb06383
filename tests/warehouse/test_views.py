"""The views: figures read by one rule, one report for each plan and day, nothing lost."""

from __future__ import annotations

import datetime as dt

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.warehouse.views import view_columns

CASES = TESTS / "cases"
DAY = dt.date(2026, 11, 20)


def usage(warehouse):
    return warehouse.ask(
        "SELECT item_type, usage, rows, unreadable FROM usage_daily ORDER BY item_type, usage"
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("closing_total.csv", [
            ("PSScene", 10.5, 1, 0), ("SkySatCollect", 4.5, 1, 0), (None, None, 1, 1),
        ]),
        ("closing_long.csv", [("PSScene", 10.5, 1, 0), (None, None, 1, 1)]),
        ("latin1.csv", [("PSScene", 10.5, 1, 0)]),
        ("bom_crlf_quotes.csv", [("PSScene", 10.5, 1, 0)]),
        ("thousands.csv", [("PSScene", 1100.5, 2, 0)]),
        ("slash_dates.csv", [("PSScene", 10.5, 1, 0)]),
        ("two_members.csv.gz", [("PSScene", 10.5, 1, 0), ("SkySatCollect", 4.5, 1, 0)]),
        ("two_files.zip", [("PSScene", 10.5, 1, 0), ("SkySatCollect", 4.5, 1, 0)]),
        ("semicolon.csv", [(None, None, 2, 2)]),
        ("header_only.csv", []),
        ("empty.csv", []),
    ],
)  # fmt: skip
def test_odd_files_have_the_right_figures(warehouse, case, expected):
    warehouse.zone.land_case(case, day="2026-11-20")
    assert warehouse.load().failures == []
    assert usage(warehouse) == expected
    assert {row[0] for row in warehouse.ask("SELECT day FROM usage_daily")} <= {DAY}


def test_all_values_of_odd_columns_are_kept(warehouse):
    warehouse.zone.land_case("column_names.csv")
    warehouse.load()
    names = (
        'xmin_2,ymin,xmax_2,ymax,ctid_2,"order","select",report_id,_report_id_2,_file,plan_id,'
        '"Usage",usage_2,column_14,"🛰"'
    )
    assert warehouse.rows(names) == [
        ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "999", "12", "13", "14", "15")
    ]


def test_a_part_without_a_header_is_refused_by_name(warehouse):
    warehouse.zone.land_case("part2_without_header.part1.csv", "part2_without_header.part2.csv")
    ((_, error),) = warehouse.load().failures
    assert str(error).startswith("File 2 has no header: ask Planet, or put the report into")
    assert warehouse.loaded() == []


@pytest.mark.parametrize("case", ["semicolon", "line_in_front"])
def test_a_file_that_is_no_table_is_refused_or_warned_of(warehouse, caplog, case):
    warehouse.zone.land_case(f"{case}.csv")
    ((name, error),) = warehouse.load(required_columns=["usage"]).failures
    assert (name, str(error)[:28]) == (case, "Column 'usage' is missing: c")
    caplog.clear()
    assert warehouse.load().reports == 1
    assert "ask Planet for columns separated by commas" in caplog.text
    assert "There is no option for another delimiter" in caplog.text


@pytest.mark.parametrize(
    ("figure", "value"),
    [
        ("10", 10.0), ("-1.5", -1.5), ("+.5", 0.5), ("2.", 2.0), (" 7 ", 7.0), ("1e5", 100000.0),
        ("1,234,567.5", 1234567.5), ("007", 7.0), ("NaN", None), ("Infinity", None), ("inf", None),
        ("1e400", None), ("1,00", None), ("12,345,67", None), ("10 km", None), ("0x10", None),
        ("1_000", None), ("", None), ("٣", None), ("1.2.3", None), (".", None),
    ],
)  # fmt: skip
def test_figures_are_read_by_one_rule(warehouse, figure, value):
    warehouse.zone.land("a", f'date,item_type,usage\n2026-11-20,x,"{figure}"\n'.encode())
    warehouse.load()
    unreadable = int(value is None)
    assert usage(warehouse) == [(None if unreadable else "x", value, 1, unreadable)]


def land_reissued(warehouse, *runs):
    for name, run in zip(("first", "second"), runs, strict=True):
        warehouse.zone.land_case(f"reissued.{name}.csv", day="2026-11-20", run=run)


def test_of_two_reports_of_one_day_the_one_counts_that_was_landed_later(warehouse, monkeypatch):
    from airflow_provider_planet_reports.landing import report_landing

    times = iter(["2026-11-22T06:00:00+00:00", "2026-11-21T06:00:00+00:00"])
    monkeypatch.setattr(report_landing, "_now", lambda: next(times))
    land_reissued(warehouse, "one", "another")
    warehouse.load()
    assert usage(warehouse) == [("PSScene", 100.0, 1, 0)]
    # Landing again is no correction: the time of the first landing stays.
    monkeypatch.setattr(report_landing, "_now", lambda: "2026-11-23T06:00:00+00:00")
    warehouse.zone.land_case("reissued.second.csv", day="2026-11-20", overwrite=True)
    warehouse.zone.land("reissued.second", b"date,item_type,usage\n2026-11-20,x,91\n",
                        day="2026-11-20", overwrite=True)  # fmt: skip
    assert warehouse.load().reports == 1
    assert usage(warehouse) == [("PSScene", 100.0, 1, 0)]
    assert warehouse.ask("SELECT report_id FROM current_reports") == [("reissued.first",)]


def test_of_two_that_one_run_landed_the_larger_id_counts(warehouse, monkeypatch):
    from airflow_provider_planet_reports.landing import report_landing

    times = iter(["2026-11-22T06:00:09+00:00", "2026-11-22T06:00:00+00:00"])
    monkeypatch.setattr(report_landing, "_now", lambda: next(times))
    land_reissued(warehouse, "one", "one")
    warehouse.load()
    assert usage(warehouse) == [("PSScene", 90.0, 1, 0)]
    # So it stays when one of them is landed again by another run, whichever it is.
    monkeypatch.setattr(report_landing, "_now", lambda: "2026-11-23T06:00:00+00:00")
    for name, figure in (("first", 101), ("second", 91)):
        data = b"date,item_type,usage\n2026-11-20,x,%d\n" % figure
        warehouse.zone.land(
            f"reissued.{name}", data, day="2026-11-20", overwrite=True, run="another"
        )
        assert warehouse.load().reports == 1
        assert warehouse.ask("SELECT report_id FROM current_reports") == [("reissued.second",)]
    assert usage(warehouse) == [("x", 91.0, 1, 0)]


def test_months_add_up_all_plans_and_say_of_how_many_days(warehouse):
    line = b"date,item_type,usage\n2026-11-20,x,%d\n"
    for plan in (1, 2):
        for day in (1, 30):
            warehouse.zone.land(
                f"{plan}-{day}", line % (plan * day), plan_id=plan, day=f"2026-11-{day:02}"
            )
    warehouse.zone.land("december", line % 5, plan_id=1, day="2026-12-01")
    warehouse.load()
    assert warehouse.ask(
        "SELECT month, plan_id, usage, days, unreadable FROM usage_by_month ORDER BY 1, 2"
    ) == [
        ("2026-11", "1", 31.0, 2, 0), ("2026-11", "2", 62.0, 2, 0),
        ("2026-12", "1", 5.0, 1, 0), ("2026-12", "2", None, 0, 0),
    ]  # fmt: skip


def land_days(warehouse, plan, first, last, *, without=(), usage=1):
    """Land a daily summary of each day from a first to a last one; None is no line."""
    first, last = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    for number in range((last - first).days + 1):
        day = str(first + dt.timedelta(days=number))
        if day not in without:
            line = f"{day},x,{usage}\n" if usage is not None else ""
            content = f"date,item_type,usage\n{line}".encode()
            warehouse.zone.land(f"{plan}-{day}", content, plan_id=plan, day=day)


def months(warehouse):
    return warehouse.ask(
        "SELECT month, plan_id, usage, days, missing FROM usage_by_month ORDER BY 1, 2"
    )


def test_a_month_is_complete_when_no_plan_misses_a_day_whether_it_has_usage_or_not(warehouse):
    land_days(warehouse, 1, "2026-11-01", "2026-11-30")
    land_days(warehouse, 2, "2026-11-01", "2026-11-30", without=["2026-11-17"], usage=None)
    warehouse.load()
    assert months(warehouse) == [("2026-11", "1", 30.0, 30, 0), ("2026-11", "2", None, 29, 1)]
    warehouse.zone.land("late", b"date,item_type,usage\n", plan_id=2, day="2026-11-17")
    warehouse.load()
    assert months(warehouse) == [("2026-11", "1", 30.0, 30, 0), ("2026-11", "2", None, 30, 0)]


def test_a_month_misses_days_of_a_plan_that_is_late_but_not_those_before_it_began_or_after_it_ended(
    warehouse,
):
    land_days(warehouse, 1, "2026-10-30", "2026-11-30")
    land_days(warehouse, 2, "2026-10-30", "2026-11-24")  # late
    land_days(warehouse, 3, "2026-11-28", "2026-11-30")  # new
    land_days(warehouse, 4, "2026-10-30", "2026-11-02", without=["2026-11-01"])  # has ended
    land_days(warehouse, 5, "2026-10-30", "2026-10-31")  # had ended before
    warehouse.load()
    assert [(plan, days, missing) for month, plan, _, days, missing in months(warehouse)
            if month == "2026-11"] == [
        ("1", 30, 0), ("2", 24, 6), ("3", 3, 0), ("4", 1, 1)
    ]  # fmt: skip
    assert {row[1]: row[4] for row in months(warehouse) if row[0] == "2026-10"} == {
        "1": 0, "2": 0, "4": 0, "5": 0
    }  # fmt: skip


def test_reports_without_a_day_or_a_plan_are_in_the_months_too(warehouse):
    line = b"date,item_type,usage\n2026-11-20,x,%d\n"
    warehouse.zone.land("undated", line % 1, day=None)
    warehouse.zone.land("of no plan", line % 2, plan_id=None, day="2026-11-30")
    warehouse.load()
    assert {row[:4] for row in months(warehouse)} == {
        (None, "7", 1.0, None), ("2026-11", None, 2.0, 1)
    }  # fmt: skip


def test_lines_lead_to_the_other_columns(warehouse):
    warehouse.zone.land(
        "a", b"date,item_type,who,usage\n10/06/2026,x,ada,5\n2026-11-20,x,bo,n/a\nTotal,,,5\n",
        day="2026-11-20",
    )  # fmt: skip
    warehouse.load()
    assert warehouse.ask(
        "SELECT day, plan_id, usage_lines.item_type, who, usage_lines.usage FROM usage_lines "
        "JOIN summary_daily USING (_load_id, _row) ORDER BY _row"
    ) == [(DAY, "7", "x", "ada", 5.0), (DAY, "7", "x", "bo", None), (DAY, "7", None, None, None)]


def test_columns_may_have_other_names(warehouse, caplog):
    warehouse.zone.land("a", b'Day,"Item ""Type""",Quota\n2026-11-20,x,5\nTotal,,5\n')
    warehouse.load()
    assert "summary_daily has no column 'usage'" in caplog.text
    assert usage(warehouse) == [(None, None, 2, 2)]
    warehouse.load(columns={"usage": "quota", "item_type": 'Item "Type"', "date": "day"})
    assert usage(warehouse) == [("x", 5.0, 1, 0), (None, None, 1, 1)]
    with pytest.raises(InvalidInput, match=r"columns has the unknown name 'usgae'.*'usage'?"):
        view_columns({"usgae": "x"})


def test_a_view_is_replaced_only_when_its_text_has_changed(warehouse, monkeypatch):
    warehouse.zone.land("a", (CASES / "reissued.first.csv").read_bytes())
    warehouse.load()
    warehouse.ask("CREATE VIEW on_top AS SELECT sum(usage) AS total FROM usage_by_month")
    replaced = []
    execute = type(database_of(warehouse)).execute

    def noted(self, sql, parameters=()):
        replaced.extend([sql] * sql.startswith("CREATE OR REPLACE VIEW"))
        return execute(self, sql, parameters)

    monkeypatch.setattr(type(database_of(warehouse)), "execute", noted)
    warehouse.load()
    assert replaced == []
    warehouse.load(columns={"item_type": "user_email"})
    assert len(replaced) == 1
    assert warehouse.ask("SELECT total FROM on_top") == [(100.0,)]


def database_of(warehouse):
    from airflow_provider_planet_reports.warehouse.opening import open_warehouse

    database = open_warehouse(warehouse.url)
    database.close()
    return database
