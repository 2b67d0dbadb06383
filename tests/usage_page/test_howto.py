"""The queries of the how-to run as they stand, and give the figures of the page."""

from __future__ import annotations

import datetime as dt
import re
import textwrap

import pytest
from pages import HEADER
from surroundings import TESTS

HOWTO = (TESTS.parent / "docs" / "howto" / "dashboard.rst").read_text()
QUERIES = [
    textwrap.dedent(block).strip()
    for block in re.findall(r"\.\. code-block:: sql\n(?:   :force:\n)?\n((?:   .*\n|\n)+)", HOWTO)
]
NOW = dt.datetime.now(dt.timezone.utc)
TODAY = NOW.date()


@pytest.fixture
def ask(warehouse, write):
    """Ask one of the how-to's queries, by a word of it; Grafana puts in the time range."""
    for back, user, usage in ((1, "ada", 5), (2, "bob", 7), (2, "ada", "n/a")):
        day = TODAY - dt.timedelta(days=back)
        text = f"{HEADER}{day},PSScene,{user}@x,{user},{usage}\n".encode()
        warehouse.zone.land(f"{back}-{user}", text, day=str(day), plan_id=7 + (user == "bob"))
    warehouse.load()
    write(warehouse, end=None, made=NOW, products=[{"id": 1, "plan_id": 7, "quota_used": 3}])

    def ask(word):
        (query,) = [query for query in QUERIES if word in query]
        first, last = TODAY - dt.timedelta(days=9), TODAY
        between = f"day BETWEEN '{first}T00:00:00Z' AND '{last}T00:00:00Z'"
        return warehouse.ask(query.replace("$__timeFilter(day)", between))

    return ask


def test_each_is_run_here():
    assert len(QUERIES) == 5


def test_the_queries_give_the_figures_of_the_page(ask):
    one, two = (TODAY - dt.timedelta(days=back) for back in (1, 2))
    by_month = ask("FROM usage_by_month")
    assert sum(usage or 0 for *_, usage in by_month) == 12
    assert {(month, plan) for month, plan, _ in by_month} == {
        (f"{one:%Y-%m}", "7"), (f"{two:%Y-%m}", "7"), (f"{two:%Y-%m}", "8")
    }  # fmt: skip
    assert ask("FROM usage_lines") == [
        ("8", "bob@x", "PSScene", 7.0), ("7", "ada@x", "PSScene", 5.0)
    ]  # fmt: skip
    midnight = dt.time()
    assert ask("$__timeFilter") == [
        (dt.datetime.combine(two, midnight), "PSScene", 7.0),
        (dt.datetime.combine(one, midnight), "PSScene", 5.0),
    ]
    assert ask("missing_days") == [("7", 28), ("8", 29)]
    assert ask("FROM quota_snapshots") == [(TODAY, "7", 3.0, None, "")]
