"""The usage dashboard in a real browser: on a phone, on a desk, in the dark and on paper.

It needs Chromium and the group ``test-browser``. With PLANET_REPORTS_PICTURES set to a folder,
the README's pictures are taken and put there.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path

import pytest
from browser import launched, needs_chromium
from surroundings import TESTS, connect

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.warehouse import load_reports

PICTURES = os.environ.get("PLANET_REPORTS_PICTURES")
pytestmark = [pytest.mark.system, needs_chromium]

LAST = dt.date(2026, 11, 24)
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 1600}


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """A page with everything on it: days that are loaded, in part, only landed, and missing."""
    folder = tmp_path_factory.mktemp("dashboard")
    destination = (folder / "landing").as_uri()
    sandbox = Sandbox(days=60, last_day=LAST)
    with sandbox.serve(), pytest.MonkeyPatch.context() as patch:
        connect(patch, sandbox.key, sandbox.base_url)
        patch.syspath_prepend(str(TESTS.parent / "example_dags"))
        landed = PlanetReportsToObjectStorageOperator(
            task_id="land", destination=destination, report_type="summary", cadence="daily"
        ).execute({})
        from usage_dashboard import write_dashboard

        late, lost, in_part = "2026-11-24", "2026-11-10", ("2026-11-20", "1002")
        left_out = [
            report["report_id"]
            for report in landed
            if report["data_date_start"] in (late, lost)
            or (report["data_date_start"], str(report["plan_id"])) == in_part
        ]
        for report in landed:
            if report["data_date_start"] == lost:
                Path(report["receipt"].removeprefix("file://")).unlink()
        load_reports(destination, f"duckdb://{folder}/warehouse", except_reports=left_out)
        return write_dashboard(
            str(folder / "warehouse"), (folder / "page").as_uri(), last=LAST, days=30,
            quota=1_500_000, quota_start="2026-11-01", quota_end="2026-12-31",
            destination=destination, note="Made-up figures from the sandbox, which is not Planet.",
        )  # fmt: skip


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture
def open_page(chromium, dashboard):
    """Open the page; whatever else the browser asks for, or complains of, fails the test."""
    contexts, unwanted = [], []

    def open_page(**options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: unwanted.append(request.url))
        page.on("console", lambda message: unwanted.append(message.text))
        page.goto(dashboard)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert set(unwanted) == {dashboard}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK, {"width": 700, "height": 900}])
def test_it_fits_and_its_text_is_readable(open_page, viewport, scheme):
    page = open_page(viewport=viewport, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown = page.locator("figure svg").evaluate_all(
        "all => all.filter(one => one.getClientRects().length).map(one => Math.min("
        "...[...one.querySelectorAll('text')].map(text => text.getBoundingClientRect().height)))"
    )
    assert len(shown) == 4
    assert min(shown) >= 9
    paper, ink = (
        [int(part) for part in re.findall(r"\d+", page.locator("section").first.evaluate(asked))]
        for asked in (
            "one => getComputedStyle(one).backgroundColor",
            "one => getComputedStyle(one).color",
        )
    )
    assert (sum(ink) > sum(paper)) is (scheme == "dark")
    texts = page.locator("svg text >> visible=true").evaluate_all(
        "all => all.map(one => getComputedStyle(one).fill)"
    )
    assert texts
    assert all(contrast(text, paper) >= 4.5 for text in texts)


def contrast(colour, paper):
    """WCAG's contrast of two colours."""

    def brightness(parts):
        linear = [
            part / 3294.6 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    one, other = (
        brightness([int(part) for part in re.findall(r"\d+", colour)][:3]), brightness(paper[:3])
    )  # fmt: skip
    return max(one, other) / min(one, other)


def test_it_is_printed_light_whole_and_on_few_pages(open_page):
    page = open_page(color_scheme="dark")
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    cut = page.locator(".table").evaluate_all(
        "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"
    )
    assert cut == 0
    pages = page.pdf(format="A4").count(b"/Type /Page\n")
    assert 1 <= pages <= 4


@pytest.mark.skipif(not PICTURES, reason="PLANET_REPORTS_PICTURES says where pictures go")
def test_the_pictures_show_it(open_page):
    desk = open_page(viewport=DESK, color_scheme="light")
    end = desk.get_by_role("heading", name="Usage by user").bounding_box()["y"] - 34
    desk.screenshot(
        path=Path(PICTURES, "dashboard.png"),
        full_page=True,
        clip={"x": 90, "y": 0, "width": 1100, "height": end},
    )
    phone = open_page(viewport=PHONE, color_scheme="dark", device_scale_factor=2)
    phone.screenshot(path=Path(PICTURES, "dashboard-phone.png"))
