from __future__ import annotations

import csv
import datetime as dt
import io
import re
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser

import duckdb
import pytest
from landings import land
from surroundings import TESTS

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.sandbox.reports import made_up_reports
from airflow_provider_planet_reports.warehouse import load_reports

LAST = dt.date(2026, 11, 24)
EXAMPLES = TESTS.parent / "example_dags"
HEADER = "date,item_type,user_email,user_name,downloads,area_sqkm,usage\n"


class Page(HTMLParser):
    """A page's tables by caption, its text, and its tags with their attributes."""

    def __init__(self, html):
        super().__init__()
        self.html, self.tags, self.tables, self.words = html, [], {}, []
        self.caption, self.row, self.cell, self.silent = None, None, None, 0
        self.feed(html.replace("<wbr>", ""))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.silent += tag in ("style", "svg")
        if tag == "caption":
            self.caption = ""
        elif tag == "tr":
            self.row = []
        elif tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag):
        self.silent -= tag in ("style", "svg")
        if tag == "caption":
            self.rows = self.tables.setdefault(self.caption, [])
            self.caption = None
        elif tag == "tr":
            self.rows.append(self.row)
        elif tag in ("td", "th"):
            self.row.append(" ".join(self.cell))
            self.cell = None

    def handle_data(self, data):
        if self.silent:
            return
        self.words.append(data)
        if self.caption is not None:
            self.caption += data
        elif self.cell is not None:
            self.cell.append(data)

    def table(self, start):
        """Rows of a table by their first cell, each by column."""
        (rows,) = [rows for caption, rows in self.tables.items() if caption.startswith(start)]
        return {row[0]: dict(zip(rows[0][1:], row[1:], strict=False)) for row in rows[1:]}


@pytest.fixture(autouse=True)
def _examples(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))


@pytest.fixture
def load(tmp_path):
    """Load texts as daily summaries; return the warehouse."""
    warehouse, zone = str(tmp_path / "warehouse.duckdb"), tmp_path / "zone"

    def load(*reports):
        for day, plan, text in reports:
            report = {
                "report_id": f"{day}-{plan}", "contents": [], "org_id": 1, "plan_id": plan,
                "report_type": "summary", "cadence": "daily", "data_date_start": str(day),
                "data_date_end": str(day),
            }  # fmt: skip
            land(LocalStore(zone), Report.from_dict(report), text.encode())
        load_reports(zone.as_uri(), f"duckdb://{warehouse}")
        return warehouse

    return load


@pytest.fixture
def write(tmp_path):
    """Write the dashboard; return its page."""
    from usage_dashboard import write_dashboard

    def write(warehouse, **options):
        where = write_dashboard(
            warehouse, (tmp_path / "dashboard").as_uri(), **{"last": LAST, "days": 7, **options}
        )
        assert where == (tmp_path / "dashboard/index.html").as_uri()
        return Page((tmp_path / "dashboard/index.html").read_text())

    return write


def reports_of_the_sandbox(days, plans=(1001, 1002)):
    for report in made_up_reports(
        seed=1, org_id=1, plans=plans, days=days, last_day=LAST, part_bytes=0
    ):
        if (report.report_type, report.cadence) == ("summary", "daily"):
            yield report.first_day, report.plan_id, b"".join(report.part(1).read()).decode()


def one_row_a_day(*usages, last=LAST, plan=7, **columns):
    """A report a day, the last one first; ``None`` for a day without."""
    for back, usage in enumerate(usages):
        day = last - dt.timedelta(days=back)
        row = {"item": "PSScene", "email": "ada@x", "name": "Ada", **columns}
        if usage is not None:
            yield (
                day, plan,
                f"{HEADER}{day},{row['item']},{row['email']},\"{row['name']}\",1,2,{usage}\n",
            )  # fmt: skip


def number(text):
    return float(text.split()[0].replace(",", ""))


def tile(page, name):
    return re.search(rf"{name} ([\d,.]+) (?:([▲▼=]) ([\d.]+)%)?", page.text)


def sums(rows, key):
    found = defaultdict(lambda: defaultdict(float))
    for row in rows:
        for column in ("usage", "downloads", "area_sqkm"):
            found[row[key]][column] += float(row[column])
    return found


# Figures


def test_the_figures_are_those_of_the_files(load, write):
    reports = list(reports_of_the_sandbox(14))
    page = write(load(*reports))
    rows = [row for _, _, text in reports for row in csv.DictReader(io.StringIO(text))]
    first = str(LAST - dt.timedelta(days=6))
    now = [row for row in rows if row["date"] >= first]
    before = [row for row in rows if row["date"] < first]
    total = sum(float(row["usage"]) for row in now)
    assert number(tile(page, "Usage")[1]) == pytest.approx(total, abs=0.5)
    assert number(tile(page, "Downloads")[1]) == sum(int(row["downloads"]) for row in now)
    change = total / sum(float(row["usage"]) for row in before) - 1
    assert tile(page, "Usage")[2] == "▼▲"[change > 0]
    assert float(tile(page, "Usage")[3]) == pytest.approx(abs(change) * 100, abs=0.05)

    for caption, key, label in (
        ("Item types", "item_type", lambda row: row["item_type"]),
        ("Users", "user_email", lambda row: f"{row['user_name']} {row['user_email']}"),
    ):
        table, expected, earlier = page.table(caption), sums(now, key), sums(before, key)
        labels = {row[key]: label(row) for row in now}
        assert set(table) == set(labels.values())
        for each, name in labels.items():
            shown = table[name]
            assert number(shown["Usage"]) == pytest.approx(expected[each]["usage"], abs=0.5)
            assert number(shown["km²"]) == pytest.approx(expected[each]["area_sqkm"], abs=0.5)
            assert number(shown["Downloads"]) == expected[each]["downloads"]
            assert number(shown["Change"].rpartition("before ")[2]) == pytest.approx(
                earlier[each]["usage"], abs=0.5
            )
    by_usage = [number(row["Usage"]) for row in page.table("Users").values()]
    assert by_usage == sorted(by_usage, reverse=True)

    days, expected = page.table("Usage by day"), sums(now, "date")
    assert len(days) == len(expected) == 7
    for day, amounts in expected.items():
        shown = days[f"{dt.date.fromisoformat(day):%a %-d %b}"]
        assert number(shown["Usage"]) == pytest.approx(amounts["usage"], abs=0.5)
        scenes = [r for r in now if (r["date"], r["item_type"]) == (day, "PSScene")]
        assert number(shown["PSScene"]) == pytest.approx(
            sum(float(row["usage"]) for row in scenes), abs=0.5
        )


def test_one_plan_can_be_shown_alone(load, write):
    warehouse = load(*one_row_a_day(*[1] * 7), *one_row_a_day(*[10] * 7, plan=8))
    assert tile(write(warehouse), "Usage")[1] == "77"
    page = write(warehouse, plan_id="8")
    assert tile(page, "Usage")[1] == "70"
    assert "plan 8" in page.text


def test_the_period_before_is_compared_by_loaded_days(load, write):
    page = write(load(*one_row_a_day(*[3] * 7, *[2] * 5)))
    assert tile(page, "Usage").groups() == ("21", "▲", "50.0")
    assert (
        "the 7 days before (11 \N{EN DASH} 17 Nov 2026), by averages per loaded day: " in page.text
    )
    assert "7 now, 5 then" in page.text


def test_without_a_period_before_nothing_is_compared(load, write):
    page = write(load(*one_row_a_day(*[3] * 7)))
    assert "Nothing to compare with" in page.text
    assert "▲ 0" not in page.text
    assert page.table("Users")["Ada ada@x"]["Change"].startswith("\N{EN DASH}")


def test_whoever_is_new_is_called_so(load, write):
    old = one_row_a_day(*[None] * 7, *[3] * 7)
    page = write(load(*old, *one_row_a_day(*[3] * 7, email="bo@x", name="Bo")))
    assert page.table("Users")["Bo bo@x"]["Change"].startswith("new")
    assert page.table("Users")["Ada ada@x"]["Change"].startswith("▼ 100.0%")


def test_many_groups_are_added_up(load, write):
    rows = "".join(f"{LAST},type {n},u{n}@x,U {n},1,1,{n + 1}\n" for n in range(30))
    page = write(load((LAST, 7, HEADER + rows)))
    users, types = page.table("Users"), page.table("Item types")
    assert list(users)[:2] == ["U 29 u29@x", "U 28 u28@x"]
    assert users["18 others"]["Usage"] == str(sum(range(1, 19)))
    assert types["24 others"]["Usage"] == str(sum(range(1, 25)))
    day = page.table("Usage by day")[f"{LAST:%a %-d %b}"]
    assert day["24 others"] == types["24 others"]["Usage"]


def test_rows_that_are_no_figures_are_counted(load, write):
    text = (
        f"{HEADER}{LAST},PSScene,ada@x,Ada,1,2,5\n{LAST},PSScene,ada@x,Ada,1,2,n/a\n"
        f"{LAST},PSScene,ada@x,Ada,many,,6\n\nGenerated by Planet\nfor,support\n"
    )
    page = write(load((LAST, 7, text)))
    assert tile(page, "Usage")[1] == "11"
    left_out, rows = re.search(r"(\d+) of (\d+) rows are in no figure", page.text).groups()
    with duckdb.connect(load()) as db:
        all_rows = db.execute("SELECT count(*) FROM summary_daily").fetchall()[0][0]
    assert int(rows) == all_rows
    assert int(left_out) == all_rows - 2
    assert f"{all_rows - 3} in date" in page.text
    assert f"{all_rows - 2} in usage" in page.text
    assert "in no figure" not in write(load(), days=1, last=LAST - dt.timedelta(days=1)).text


# Columns


def test_a_column_that_is_missing_is_named(load, write):
    warehouse = load((LAST, 7, f"date,kind,user_email,usage\n{LAST},a,ada@x,1\n"))
    with pytest.raises(ValueError, match="no column 'item_type'") as raised:
        write(warehouse)
    message = str(raised.value)
    assert "The table 'summary_daily'" in message
    assert "_row, _fields, _more, date, kind, user_email, usage." in message
    assert "columns={'item_type': '…'}" in message
    assert "None" not in message
    with pytest.raises(ValueError, match=r"'user_name'.*or None, to leave it out"):
        write(warehouse, columns={"item_type": "kind"})


def test_columns_go_by_the_names_given(load, write):
    warehouse = load((LAST, 7, f'day,kind,who,"quota ""used"""\n{LAST},a,ada@x,1234\n'))
    names = {"date": "day", "item_type": "kind", "user": "who", "usage": 'quota "used"'}
    nothing = {"user_name": None, "downloads": None, "area": None}
    page = write(warehouse, columns={**names, **nothing})
    assert page.table("Users") == {
        "ada@x": {"Usage": "1,234", "Share": "100%", "Change": "\N{EN DASH} before 0"}
    }
    assert "Downloads" not in page.text
    with pytest.raises(ValueError, match="names 'users', which the dashboard does not know"):
        write(warehouse, columns={"users": "who"})


# Quota


def test_a_quota_is_projected(load, write):
    page = write(load(*one_row_a_day(*[10] * 7)), quota=100)
    assert "70 of 100 (70%) since 18 Nov 2026" in page.text
    assert "At 10 a day, the average of the days shown, it is used up around" in page.text
    assert "around 27 Nov 2026" in page.text
    assert "true total" not in page.text


def test_a_quota_may_have_begun_before_the_days_shown_and_may_end(load, write):
    warehouse = load(*one_row_a_day(*[10] * 14, None, *[10] * 9))
    options = {"quota": 1000, "quota_start": "2026-11-01", "quota_end": "2026-11-30"}
    page = write(warehouse, **options)
    assert "230 of 1,000 (23%) since 1 Nov 2026" in page.text
    assert "it lasts until its end on 30 Nov 2026, with about 29% used" in page.text
    assert (
        "1 day since then is not loaded, or only in part: the true total may be higher" in page.text
    )
    assert "before its end on 30 Nov 2026" in write(warehouse, **{**options, "quota": 240}).text


def test_a_forecast_begins_where_the_figures_end(load, write):
    page = write(load(*one_row_a_day(None, None, *[10] * 5)), quota=100)
    assert "used up around 27 Nov 2026" in page.text  # five days after the 22nd
    assert "2 days since then are not loaded" in page.text.lower()


def test_a_quota_that_is_used_up_has_its_day(load, write):
    page = write(load(*one_row_a_day(*[10] * 7)), quota=35)
    assert "It was used up on 21 Nov 2026, and passed by 35 since." in page.text
    assert "200%" in page.text


def test_no_forecast_comes_from_few_days_or_from_no_usage(load, write):
    few = load(*one_row_a_day(10, 10, *[None] * 5))
    assert "Too few days are loaded for a forecast" in write(few, quota=100).text
    little = load(*one_row_a_day(*["0.01"] * 7))
    assert "it lasts for more than five years" in write(little, quota=10**9).text
    with pytest.raises(ValueError, match="quota=0 is not allowed"):
        write(few, quota=0)
    with pytest.raises(ValueError, match="quota_start=2026-11-25 is after the last day shown"):
        write(few, quota=1, quota_start="2026-11-25")


# Freshness


def test_days_are_landed_loaded_or_missing(load, write):
    warehouse = load(
        *one_row_a_day(1, None, None, 1, 1, 1, None),
        *one_row_a_day(1, None, None, 1, 1, None, None, plan=8),
    )
    page = write(warehouse)
    assert "3 of 7 days are loaded." in page.text
    assert "Loaded in part: 19 Nov (without plan 8)." in page.text
    assert "Not loaded: 18 Nov, 22 \N{EN DASH} 23 Nov." in page.text
    assert page.table("Usage by day")["Sun 22 Nov"]["Usage"] == "not loaded"
    assert "none is loaded" in page.text


def test_what_is_landed_but_not_loaded_is_told_from_what_is_missing(sandbox, tmp_path, write):
    from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
        PlanetReportsToObjectStorageOperator,
    )

    destination, warehouse = (tmp_path / "landing").as_uri(), str(tmp_path / "w.duckdb")
    days = sorted({report["data_date_start"] for report in sandbox.reports})
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, cadence="daily", start=days[1]
    ).execute({})
    load_reports(destination, f"duckdb://{warehouse}", start=days[2])
    page = write(warehouse, destination=destination, last=days[2], days=3)
    last, landed_only, missing = (dt.date.fromisoformat(day) for day in reversed(days))
    assert "1 of 3 days is loaded." in page.text
    assert f"Landed, but not loaded: {landed_only:%-d %b}." in page.text
    assert f"Missing: {missing:%-d %b}." in page.text
    table = page.table("Usage by day")
    assert table[f"{missing:%a %-d %b}"]["Usage"] == "missing"
    assert table[f"{landed_only:%a %-d %b}"]["Usage"] == "landed, but not loaded"
    assert number(table[f"{last:%a %-d %b}"]["Usage"]) > 0
    # A report without rows is loaded, too.
    load_reports(destination, f"duckdb://{warehouse}")
    with duckdb.connect(warehouse) as db:
        db.execute("DELETE FROM summary_daily WHERE _data_date = ?::DATE", [days[1]])
    assert (
        "2 of 3 days are loaded."
        in write(warehouse, destination=destination, last=days[2], days=3).text
    )


# The page


def test_nothing_is_fetched_and_nothing_runs(load, write):
    page = write(load(*reports_of_the_sandbox(14)), quota=500_000)
    assert not re.search(r"https?:|//|@import|javascript:", page.html)
    assert not {"script", "link", "img", "iframe", "object", "a"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"src", "href", "onload", "onclick"} & attributes.keys()
        assert attributes.get("xlink:href", "#").startswith("#")
    assert set(re.findall(r"url\((.)", page.html)) <= {"#"}
    assert "default-src 'none'" in page.html


def test_ids_are_there_once_and_are_found(load, write):
    page = write(load(*one_row_a_day(*[5] * 4, None, 5, 5)), quota=50)
    ids = re.findall(r' id="([^"]*)"', page.html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|xlink:href=")#([^")]+)', page.html)) == set(ids)


def test_every_colour_is_one_for_light_and_for_dark(load, write):
    page = write(load(*one_row_a_day(*[5] * 4, None, 5, 5)), quota=50)
    for svg in re.findall(r"<svg.*?</svg>", page.html, re.DOTALL):
        assert "var(--series-1)" in svg
        assert not re.findall(r"#[0-9a-f]{6}", svg)
        assert "DejaVu" not in svg


def test_names_are_text_whatever_they_say(load, write):
    hostile = [
        "<script>alert(1)</script>", "$\\frac{1}$ $x$", "_hidden", "a & b", "two\nlines", "Björn",
        'Chen ""Remote"" Li', "{title}", "李",
    ]  # fmt: skip
    rows = "".join(
        f'{LAST},"{name}","{n}<b>@x","{name}",1,1,{n + 1}\n' for n, name in enumerate(hostile)
    )
    page = write(load((LAST, "<i>7", HEADER + rows)), title="<u>Usage</u>", note="<s>note</s>")
    assert not {"script", "b", "u", "s"} & {tag for tag, _ in page.tags if tag != "b"}
    assert page.html.count("<b>") == page.html.count("<b>All") + page.html.count("</b> since") + (
        page.html.count("<b>1 of")
    )
    assert "<script>alert(1)</script> 0<b>@x" in page.table("Users")
    for name in ('Chen "Remote" Li', "$\\frac{1}$ $x$", "Björn", "{title}"):
        assert f"{name} " in " ".join(page.table("Users"))
    assert "&lt;script&gt;" in page.html
    assert "plan <i>7" in page.text


def test_pictures_lie_beside_the_page(load, write, tmp_path):
    write(load(*one_row_a_day(*[5] * 7)))
    pictures = {path.name: path.read_bytes() for path in (tmp_path / "dashboard").glob("*.png")}
    assert set(pictures) == {
        "usage-by-day.png", "usage-by-item-type.png", "usage-by-user.png", "running-total.png",
    }  # fmt: skip
    for picture in pictures.values():
        assert picture.startswith(b"\x89PNG")
        assert picture.endswith(b"IEND\xaeB`\x82")
        assert int.from_bytes(picture[16:20], "big") >= 800
    assert {path.suffix for path in (tmp_path / "dashboard").iterdir()} == {".png", ".html"}


def test_a_page_without_figures_says_so(load, write, tmp_path):
    page = write(str(tmp_path / "not there"))
    assert "The warehouse has no table summary_daily yet." in page.text
    assert not (tmp_path / "not there").exists()
    other = load(*one_row_a_day(1))
    assert "has no table somewhere yet" in write(other, table="somewhere").text
    page = write(other, last="2020-01-07", quota=5)
    assert "The table summary_daily has no usage in these days." in page.text
    assert "0 of 7 days are loaded." in page.text


def test_a_period_may_be_a_day_or_a_year(load, write):
    warehouse = load(*one_row_a_day(*[5] * 9))
    day = write(warehouse, days=1, quota=10)
    assert "All 1 day is loaded." in day.text
    assert tile(day, "Usage").groups() == ("5", "=", "0.0")
    year = write(warehouse, days=366, quota=10)
    assert "9 of 366 days are loaded." in year.text
    assert len(year.table("Usage by day")) == 62


@pytest.mark.parametrize("usages", [[0] * 7, [-3] * 7, ["-1.5", 4, 0, 0, 0, 0, 0]])
def test_corrections_may_leave_little_or_less(load, write, usages):
    page = write(load(*one_row_a_day(*usages)), quota=10)
    total = sum(float(usage) for usage in usages)
    assert number(page.table("Users")["Ada ada@x"]["Usage"]) == total


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (7.125, "7.12"), (999.4, "999"), (999.6, "1k"), (12345, "12.3k"),
     (999_960, "1M"), (4.56e9, "4.56G"), (-2500, "-2.5k")],
)  # fmt: skip
def test_amounts_fit_a_chart(amount, text):
    from usage_words import short

    assert short(amount) == text


# Where it is


@pytest.mark.parametrize("dashboard", ["s3://b/planet", "s3://aws@b/planet/x", "s3://b/planet/"])
def test_it_does_not_lie_among_the_reports(dashboard, tmp_path):
    from usage_dashboard import write_dashboard

    with pytest.raises(ValueError, match="lies in the destination of the reports"):
        write_dashboard("w", dashboard, last=LAST, destination="s3://other@b/planet")


def test_it_is_written_to_object_stores_as_a_page(load, ground):
    from usage_dashboard import write_dashboard

    warehouse = load(*one_row_a_day(*[5] * 7))
    for _ in range(2):
        where = write_dashboard(warehouse, ground.url, last=LAST, days=7)
    assert where == f"{ground.url.rstrip('/')}/index.html"
    visible = ground.visible()
    assert len(visible) == 5
    assert not ground.leftovers()
    (page,) = [content for name, content in visible.items() if name.endswith("index.html")]
    assert Page(page.decode()).table("Users")


def test_it_costs_nothing_to_parse():
    modules = sorted(path.stem for path in EXAMPLES.glob("usage_*.py"))
    done = subprocess.run(
        [sys.executable, "-c",
         f"import sys, {', '.join(modules)}\n"
         "print({'matplotlib', 'duckdb', 'numpy', 'airflow'} & set(sys.modules))"],
        cwd=EXAMPLES, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(modules) >= 5
    assert done.stdout.strip() == "set()"
