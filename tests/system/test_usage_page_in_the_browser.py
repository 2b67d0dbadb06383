"""The usage page in a real browser: on a phone, on a desk, in the dark and on paper.

It needs Chromium and the group ``test-browser``. With PLANET_REPORTS_PICTURES set to a folder,
the pictures of the README and the pages are taken and put there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from browser import launched, needs_chromium
from pages import LAST, fill
from surroundings import connect

from airflow_provider_planet_reports.operators.usage_page import PlanetUsagePageOperator
from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.warehouse import load_reports

PICTURES = os.environ.get("PLANET_REPORTS_PICTURES")
pytestmark = [pytest.mark.system, needs_chromium]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 1600}
NOTE = "Made-up figures, which are not Planet's."


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The quickstart's page, with a day that is missing; and that of years, plans and users."""
    folder = tmp_path_factory.mktemp("pages")
    destination, warehouse = (folder / "landing").as_uri(), f"duckdb://{folder}/warehouse"
    sandbox = Sandbox(days=60, last_day=LAST)
    with sandbox.serve(), pytest.MonkeyPatch.context() as patch:
        connect(patch, sandbox.key, sandbox.base_url)
        landed = PlanetReportsToObjectStorageOperator(
            task_id="land", destination=destination, report_type="summary", cadence="daily"
        ).execute({})
        lost = [each["report_id"] for each in landed if each["data_date_start"] == "2026-11-10"]
        load_reports(destination, warehouse, except_reports=lost[:1])
        page = {"task_id": "page", "warehouse": warehouse, "note": NOTE}
        small = PlanetUsagePageOperator(
            **page, page=(folder / "small").as_uri(), quotas="planet"
        ).execute({})
        fill(folder / "warehouse", days=730, plans=5, users=40)
        quotas = {
            str(plan): {"amount": 700_000, "unit": "km²", "start": "2026-01-01"}
            for plan in range(1001, 1006)
        }
        large = PlanetUsagePageOperator(
            **page, page=(folder / "large").as_uri(), quotas=quotas, days=366
        ).execute({})
    return {"small": small, "large": large}


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture
def open_page(chromium, pages):
    """Open a page; whatever else the browser asks for, or complains of, fails the test."""
    contexts, unwanted = [], []

    def open_page(which, **options):
        contexts.append(chromium.new_context(**options))
        page = contexts[-1].new_page()
        page.on("request", lambda request: unwanted.append(request.url))
        page.on("console", lambda message: unwanted.append(message.text))
        page.goto(pages[which])
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert set(unwanted) <= set(pages.values())


@pytest.mark.parametrize("which", ["small", "large"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK, {"width": 740, "height": 900}])
def test_it_fits_and_its_text_is_readable(open_page, viewport, scheme, which):
    page = open_page(which, viewport=viewport, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shown = page.locator("figure svg").evaluate_all(
        "all => all.filter(one => one.getClientRects().length).map(one => Math.min("
        "...[...one.querySelectorAll('text')].map(text => text.getBoundingClientRect().height)))"
    )
    assert len(shown) == {"small": 5, "large": 11}[which]
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


#: Tables whose last column is out of sight.
CUT = "all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length"


@pytest.mark.parametrize("which", ["small", "large"])
def test_no_column_is_cut_on_a_desk(open_page, which):
    page = open_page(which, viewport=DESK)
    page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
    assert page.locator(".table").evaluate_all(CUT) == 0


@pytest.mark.parametrize(("which", "most"), [("small", 12), ("large", 24)])
def test_it_is_printed_light_whole_and_on_few_pages(open_page, which, most):
    page = open_page(which, color_scheme="dark")
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 less its margins
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator(".table").evaluate_all(CUT) == 0
    assert 1 <= page.pdf(format="A4").count(b"/Type /Page\n") <= most


@pytest.mark.skipif(not PICTURES, reason="PLANET_REPORTS_PICTURES says where pictures go")
def test_the_pictures_show_it(open_page):
    for which, name in (("small", "dashboard"), ("large", "dashboard-years")):
        desk = open_page(which, viewport=DESK, color_scheme="light")
        end = desk.get_by_role("heading", name="Month over month").first.bounding_box()["y"] - 34
        desk.screenshot(
            path=Path(PICTURES, f"{name}.png"),
            full_page=True,
            clip={"x": 30, "y": 0, "width": 1220, "height": end},
        )
    phone = open_page("small", viewport=PHONE, color_scheme="dark", device_scale_factor=2)
    phone.screenshot(path=Path(PICTURES, "dashboard-phone.png"))
