"""The commonest mistakes: Airflow's log page shows the advice without scrolling sideways.

It needs Chromium and the group ``test-browser``.
"""

from __future__ import annotations

import json

import pytest
from browser import launched, needs_chromium
from common_mistakes import MISTAKES
from whole_airflow import Airflow

from airflow_provider_planet_reports.sandbox import Sandbox

pytest.importorskip("airflow.sdk", reason="Airflow 2 has other pages")
pytestmark = [pytest.mark.system, needs_chromium]

WIDTH = 1400
#: Whether a text is on the page, and no part of it beyond the edge of something that scrolls; null
#: before it is there.
IS_SEEN = """
text => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const node = texts.currentNode, start = node.data.indexOf(text);
        if (start < 0) continue;
        const range = document.createRange();
        range.setStart(node, start);
        range.setEnd(node, start + text.length);
        const place = range.getBoundingClientRect();
        if (!place.width) continue;
        for (let outer = node.parentElement; outer; outer = outer.parentElement) {
            const edges = outer.getBoundingClientRect();
            if (getComputedStyle(outer).overflowX !== "visible" && place.right > edges.right)
                return false;
        }
        return place.left >= 0 && place.right <= innerWidth;
    }
    return null;
}
"""


@pytest.fixture(scope="module")
def failed(moto, tmp_path_factory):
    """An Airflow in which each mistake was made, and the run's id."""
    sandbox = Sandbox(days=3)
    with sandbox.serve() as base_url:
        connections = {
            name: mistake.connection_to(base_url, sandbox.key) for name, mistake in MISTAKES.items()
        }
        connections["moto"] = moto.connection
        zone = (tmp_path_factory.mktemp("zone")).as_uri()
        tasks = {
            name: {"planet_reports_conn_id": name, "destination": zone, **mistake.parameters}
            for name, mistake in MISTAKES.items()
        }
        airflow = Airflow(
            tmp_path_factory.mktemp("mistakes") / "airflow",
            ("common_mistakes.py",),
            {
                "COMMON_MISTAKES": json.dumps(tasks),
                **{
                    f"AIRFLOW_CONN_{name.upper()}": json.dumps(fields)
                    for name, fields in connections.items()
                },
            },
        )
        try:
            airflow.start()
            yield airflow, airflow.run("common_mistakes")
        finally:
            airflow.stop()


@pytest.fixture(scope="module")
def page(failed):
    airflow, _ = failed
    with launched() as browser:
        context = browser.new_context(
            base_url=airflow.origin, viewport={"width": WIDTH, "height": 900}
        )
        context.set_default_timeout(180_000)  # milliseconds, on a machine that does much else
        yield context.new_page()


@pytest.mark.parametrize("name", MISTAKES)
def test_the_advice_is_seen(page, failed, name):
    _, run_id = failed
    advice = MISTAKES[name].advice
    page.goto(f"/dags/common_mistakes/runs/{run_id}/tasks/{name}")
    if name == "ds_in_a_run_without_a_date":
        page.get_by_text("Pre Execute").click()  # where Airflow renders, and leaves it folded
    page.wait_for_function(f"text => ({IS_SEEN})(text) !== null", arg=advice)
    assert page.evaluate(IS_SEEN, advice)
