"""What people see of the provider in Airflow's own pages, in a real browser.

It needs Chromium and the group ``test-browser``. With PLANET_REPORTS_PICTURES set to a folder,
the README's pictures are taken and put there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from browser import launched, needs_chromium, playwright
from whole_airflow import Airflow

from airflow_provider_planet_reports.airflow_side.connection_form import (
    EXTRA_FIELDS,
    PLACEHOLDERS,
    RELABELING,
)
from airflow_provider_planet_reports.sandbox import Sandbox

pytest.importorskip("airflow.sdk", reason="Airflow 2 has other pages")
expect = playwright.expect
PICTURES = os.environ.get("PLANET_REPORTS_PICTURES")
pytestmark = [pytest.mark.system, needs_chromium]

CONNECTION = "planet_reports_default"
PATIENCE = 180_000  # milliseconds, on a machine that does much else


@pytest.fixture(scope="module")
def sandbox():
    sandbox = Sandbox(days=10)
    with sandbox.serve():
        yield sandbox


@pytest.fixture(scope="module")
def site(sandbox, tmp_path_factory):
    """An Airflow with the examples, all paused, and no connection yet."""
    site = Airflow(
        tmp_path_factory.mktemp("browser") / "airflow",
        ("planet_reports_daily.py", "planet_reports_event_driven.py"),
        {
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        },
    )
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


@pytest.fixture
def page(chromium, site):
    """A page of a browser that has never been here, on Airflow's own first one."""
    context = chromium.new_context(
        base_url=site.origin,
        permissions=["clipboard-read", "clipboard-write"],
        viewport={"width": 1280, "height": 860},
    )
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = context.new_page()
    page.goto("/")
    yield page
    context.close()


@pytest.fixture
def connected(site, sandbox):
    """The connection is there, whoever made it."""
    known = [each["connection_id"] for each in site.rest("GET", "connections")["connections"]]
    if CONNECTION not in known:
        site.connect(CONNECTION, sandbox.base_url, sandbox.key)


def take_picture(of, name, **options):
    """Take a picture for the README, where pictures are asked for."""
    if PICTURES:
        of.screenshot(path=Path(PICTURES, name), animations="disabled", **options)


def test_the_connection_is_made_in_its_form_and_tested(page, site, sandbox):
    page.get_by_role("button", name="Admin").click()
    page.get_by_role("menuitem", name="Connections").click()
    page.get_by_role("button", name="Add Connection").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill(CONNECTION)
    form.get_by_label("Connection Type").fill("Planet")
    page.get_by_role("option", name="Planet Reports").click()

    fields = {field: form.get_by_label(label, exact=True) for field, label in RELABELING.items()}
    for field, box in fields.items():
        expect(box).to_have_attribute("placeholder", PLACEHOLDERS[field])
    for hidden in ("Login", "Password", "Schema", "Port"):
        expect(form.get_by_label(hidden, exact=True)).to_have_count(0)
    page.mouse.move(0, 0)
    take_picture(form, "connection.png")
    fields["host"].fill(sandbox.base_url)
    fields["password"].fill(sandbox.key)

    form.get_by_role("button", name="Extra Fields", exact=True).click()
    for label, _, help_text in EXTRA_FIELDS.values():
        expect(form.get_by_text(label, exact=True)).to_be_visible()
        expect(form.get_by_text(help_text)).to_be_visible()
    form.get_by_label("Retries per request").fill("2")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()

    stored = site.rest("GET", f"connections/{CONNECTION}")
    assert (stored["host"], stored["login"], stored["port"]) == (sandbox.base_url, None, None)
    assert json.loads(stored["extra"])["max_retries"] == 2

    assert "Connection success!" in site.command("connections", "test", CONNECTION)
    # The button of Airflow 3.3.2 sends port 0 for none, and then takes it for another place.
    body = {"connection_id": CONNECTION, "conn_type": "planet_reports", "port": 0}
    site.rest("PATCH", f"connections/{CONNECTION}?update_mask=port", body)
    page.reload()
    page.get_by_role("row", name=CONNECTION).get_by_label("Test Connection").click()
    seen = "The credentials are accepted; organization 4321 has reports"
    expect(page.get_by_role("status", name="Test Connection")).to_contain_text(seen)


@pytest.mark.usefixtures("connected")
def test_the_daily_dag_turns_green_and_links_lead_on_from_its_landing_task(page, site):
    site.wait_for("the DAG is known", lambda: site.knows("planet_reports_daily"))
    page.get_by_role("link", name="Dags", exact=True).click()
    page.get_by_role("link", name="planet_reports_daily", exact=True).click()
    page.get_by_role("button", name="Dag Docs").click()
    docs = page.get_by_role("dialog")
    expect(docs.get_by_role("listitem")).to_have_count(2)
    expect(docs.get_by_text("PLANET_REPORTS_DESTINATION", exact=True)).to_be_visible()
    docs.get_by_role("button", name="Close").click()

    page.get_by_role("button", name="Trigger Dag").click()
    form = page.get_by_role("dialog")
    expect(form.get_by_text("Days to look back.")).to_be_visible()
    form.get_by_role("button", name="Trigger").click()
    for task in ("land", "load", "check"):
        row = page.get_by_role("row", name=task)
        expect(row.get_by_role("cell", name="Success")).to_be_visible()
    expect(page.get_by_text("Running", exact=True)).to_have_count(0)
    take_picture(page, "daily.png", clip={"x": 0, "y": 0, "width": 1280, "height": 560})

    page.get_by_role("row", name="land").get_by_role("link", name="land").click()
    page.get_by_role("link", name="Details").click()
    link = page.get_by_role("link", name="Planet account")
    expect(link).to_have_attribute("href", "https://www.planet.com/account/")
    # A folder shows in nobody's console.
    expect(page.get_by_role("link", name="Landing place")).to_have_count(0)


@pytest.mark.usefixtures("connected")
def test_the_loaded_asset_shows_its_event(page, site):
    site.unpause("planet_reports_event_driven")
    site.run("planet_reports_event_driven")
    page.get_by_role("link", name="Assets", exact=True).click()
    page.get_by_role("link", name="planet_reports_loaded").click()
    expect(page.get_by_role("heading", name="Asset Event").last).to_be_visible()
