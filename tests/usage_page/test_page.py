"""The page: one file that runs and fetches nothing, whatever the reports say; and where it goes."""

from __future__ import annotations

import datetime as dt
import re
import shutil

import pytest
from pages import HEADER, LAST, Page, a_row_a_day, fill, number

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.usage_page import write_usage_page
from airflow_provider_planet_reports.usage_page.words import short_text

QUOTA = {"7": {"amount": 50, "start": "2026-11-18"}}


def test_nothing_is_fetched_and_nothing_runs(load, write):
    page = write(load(*a_row_a_day(*[5] * 4, None, 5, 5, last=LAST)), quotas=QUOTA)
    assert not re.search(r"https?:|//|@import|javascript:", page.html)
    assert not {"script", "link", "img", "iframe", "object", "a"} & {tag for tag, _ in page.tags}
    for _, attributes in page.tags:
        assert not {"src", "href", "onload", "onclick"} & attributes.keys()
        assert attributes.get("xlink:href", "#").startswith("#")
    assert set(re.findall(r"url\((.)", page.html)) <= {"#"}
    assert "default-src 'none'" in page.html


def test_ids_are_there_once_and_are_found(load, write):
    two = (*a_row_a_day(*[5] * 4, None, 5, 5, last=LAST), *a_row_a_day(5, 5, last=LAST, plan=8))
    page = write(load(*two), quotas=QUOTA)
    ids = re.findall(r' id="([^"]*)"', page.html)
    assert ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|xlink:href=")#([^")]+)', page.html)) == set(ids)


def test_every_colour_is_one_for_light_and_for_dark(load, write):
    page = write(load(*a_row_a_day(*[5] * 4, None, 5, 5, last=LAST)), quotas=QUOTA)
    charts = re.findall(r"<svg.*?</svg>", page.html, re.DOTALL)
    assert len(charts) == 4
    for svg in charts:
        assert "var(--series-1)" in svg
        assert not re.findall(r"#[0-9a-f]{6}", svg)
        assert "DejaVu" not in svg


HOSTILE = [
    "<script>alert(1)</script>", "$\\frac{1}$ $x$", "_hidden", "a & b", "two\nlines", "Björn",
    'Chen ""Remote"" Li', "{{ title }}", "李", "</svg><b>", "=1+1",
]  # fmt: skip


def test_names_are_text_whatever_they_say(load, write):
    lines = "".join(
        f'{LAST},"{name}","{number_of}<b>@x","{name}",{number_of + 1}\n'
        for number_of, name in enumerate(HOSTILE)
    )
    page = write(
        load((LAST, 7, HEADER + lines)),
        products=[{"billable_id": 7, "title": "<u>plan</u>"}, {"id": "<s>", "title": "<q>"}],
        title="<u>Usage</u>", note="<s>note</s>", refusal="<em>no</em>",
    )  # fmt: skip
    assert not {"script", "u", "s", "q", "em"} & {tag for tag, _ in page.tags}
    assert "<b>@x" not in page.html
    assert "</svg><b>" not in page.html
    users = " ".join(page.table("Users, 7"))
    for name in ("<script>alert(1)</script> 0<b>@x", 'Chen "Remote" Li', "Björn", "{{ title }}"):
        assert name in users
    assert {"'=1+1"} == {row["user_name"] for row in page.rows_of_csv if "1+1" in row["user_name"]}


def test_the_others_do_not_dwarf_those_with_a_name(load, write):
    lines = "".join(f"{LAST},type {n},u{n}@x,U {n},{n + 1}\n" for n in range(30))
    page = write(load((LAST, 7, HEADER + lines)))
    users, types = page.table("Users, 7"), page.table("Item types, 7")
    assert list(users)[:2] == ["U 29 u29@x", "U 28 u28@x"]
    assert users["18 others"]["Usage"] == str(sum(range(1, 19)))
    assert types["24 others"]["Usage"] == str(sum(range(1, 25)))
    assert page.table("Usage by day, 7")["24 Nov 2026"]["24 others"] == types["24 others"]["Usage"]
    widths = [float(width) for width in re.findall(r"<i style=\"width:([\d.]+)%", page.html)]
    assert max(widths) == 100
    assert page.html.count('class="bar cut"') == 2
    assert len(page.amounts("usage by user", "7", first_day="2026-11-18")) == 30


def test_many_plans_are_all_in_the_table_and_the_largest_in_detail(load, write):
    warehouse = load(*((LAST, plan, f"{HEADER}{LAST},x,a@x,A,{plan}\n") for plan in range(1, 21)))
    page = write(warehouse)
    assert len(page.table(f"Plans, {page.period}")) == 20
    assert "The 13 with the largest figures follow" in page.text
    assert "Users, 8" in page.tables
    assert "Users, 7" not in page.tables
    assert len({row["plan"] for row in page.rows_of_csv}) == 20


@pytest.mark.slow
def test_years_of_many_plans_and_users_are_not_too_large(load, write):
    warehouse = load(*a_row_a_day(1, last=LAST, plan=1001))
    fill(warehouse.url.removeprefix("duckdb://"), days=730, plans=5, users=40)
    page = write(
        warehouse, days=366, end=LAST, quotas={
            str(plan): {"amount": 10**6, "unit": "km²", "start": "2026-01-01"}
            for plan in range(1001, 1006)
        },
    )  # fmt: skip
    ((total,),) = warehouse.ask(
        "SELECT sum(usage::DOUBLE) FROM summary_daily WHERE _data_date > DATE '2025-11-23'"
    )
    shown = page.table(f"Plans, {page.period}")["All plans"]["Usage"]
    assert number(shown) == pytest.approx(total, abs=0.51)
    assert len(page.html.encode()) <= 1.5e6
    assert len(page.tables) == 1 + 6 * 5


def test_a_page_without_figures_says_so(zone, warehouse, write):
    warehouse.load()
    page = write(warehouse, end=None)
    assert "The warehouse has no daily summaries yet." in page.text
    warehouse.zone.land("a", f"{HEADER}{LAST},x,a,A,1\n".encode(), day=str(LAST))
    warehouse.load()
    page = write(warehouse, end=dt.date(2020, 1, 7), quotas={"7": 5})
    assert "No daily summary is loaded of these days or those before." in page.text


def test_a_report_without_lines_is_loaded_too(load, write):
    page = write(load((LAST, 7, HEADER)), days=1, quotas={"7": 5})
    assert page.table(f"Plans, {page.period}")["7"]["Days"] == "1 of 1"
    assert page.table(f"Plans, {page.period}")["7"]["Usage"] == "0"


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0"), (7.125, "7.12"), (999.4, "999"), (999.6, "1k"), (12345, "12.3k"),
     (999_960, "1M"), (4.56e9, "4.56G"), (-2500, "-2.5k")],
)  # fmt: skip
def test_amounts_fit_a_chart(amount, text):
    assert short_text(amount) == text


# Where it goes


def test_it_is_written_to_every_store_and_nothing_else_is_left(load, ground):
    warehouse = load(*a_row_a_day(*[5] * 7, last=LAST))
    warehouse.ask("UPDATE loaded_reports SET source = 's3://another'")
    shutil.rmtree(warehouse.zone.root)
    for _ in range(2):
        where = write_usage_page(warehouse.url, ground.url, days=7)
    assert where.endswith("/index.html")
    assert "@" not in where
    visible = ground.visible()
    assert {name.rpartition("/")[2] for name in visible} == {"usage.csv", "index.html"}
    assert not ground.leftovers()
    (page,) = [content for name, content in visible.items() if name.endswith("index.html")]
    assert Page(page.decode()).table("Users, 7")


def test_a_folder_has_these_two_files_alone_and_the_page_comes_last(load, write, tmp_path):
    warehouse = load(*a_row_a_day(*[5] * 7, last=LAST))
    write(warehouse)
    folder = tmp_path / "page"
    assert {path.name for path in folder.iterdir()} == {"usage.csv", "index.html"}
    (folder / "index.html").write_text("earlier")
    (folder / "usage.csv").unlink()
    (folder / "usage.csv").mkdir()  # nothing can be put there
    with pytest.raises(DestinationError, match=r"check folder, mount and the rights.*usage\.csv"):
        write(warehouse)
    assert (folder / "index.html").read_text() == "earlier"


@pytest.mark.parametrize("folder", ["", "/page"])
def test_it_does_not_lie_among_the_reports(load, folder):
    warehouse = load(*a_row_a_day(5, last=LAST))
    with pytest.raises(InvalidInput, match="lies in the landing zone"):
        write_usage_page(warehouse.url, f"{warehouse.zone.url}{folder}")
    write_usage_page(warehouse.url, f"{warehouse.zone.url}-page")
