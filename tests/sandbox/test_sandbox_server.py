from __future__ import annotations

import base64
import datetime as dt
import json
import time
import urllib.error
import urllib.request
from unittest.mock import Mock

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.rate import Rate
from airflow_provider_planet_reports.sandbox.reports import made_up_reports
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY

DAY = dt.date(2026, 3, 1)


@pytest.fixture
def api():
    sandbox = Sandbox(days=3, plans=(1, 2), last_day=DAY)
    with sandbox.serve():
        yield sandbox


def ask(url, user="sandbox-key", password="", method="GET", **headers):
    """Status, headers and body of a request made with nothing but the standard library."""
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {token}", **headers}
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers, answer.read()


def pages_at(url):
    """Ids of a listing, page by page."""
    pages = []
    while url:
        status, _, body = ask(url)
        assert status == 200
        page = json.loads(body)
        pages.append([report["report_id"] for report in page["reports"]])
        url = page["_links"].get("next") or page["_links"].get("_next")
    return pages


def ids_at(url):
    return [report_id for page in pages_at(url) for report_id in page]


def all_ids(sandbox):
    return [report["report_id"] for report in sandbox.reports]


def test_a_listing_comes_in_pages_that_links_join(api):
    everything = all_ids(api)
    pages = pages_at(f"{api.base_url}/?page_size=5")
    assert [report_id for page in pages for report_id in page] == everything
    assert [len(page) for page in pages[:-1]] == [5] * (len(pages) - 1)
    assert pages_at(api.base_url) == [everything]


def test_links_may_be_spelt_with_an_underscore():
    sandbox = Sandbox(days=3, underscored_links=True)
    with sandbox.serve() as base_url:
        page = json.loads(ask(f"{base_url}/?page_size=2")[2])
        assert set(page["_links"]) == {"_self", "_next"}
        assert set(page["reports"][0]["_links"]) == {"_self"}
        assert ids_at(f"{base_url}/?page_size=2") == all_ids(sandbox)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("plan_id=2", lambda r: r["plan_id"] == 2),
        ("report_type=summary", lambda r: r["report_type"] == "summary"),
        ("cadence=monthly", lambda r: r["cadence"] == "monthly"),
        ("start=2026-03-01", lambda r: r["data_date_start"] >= "2026-03-01"),
        ("end=2026-02-28", lambda r: r["data_date_end"] <= "2026-02-28"),
        ("start=2026-02-28&end=2026-02-28&plan_id=1&report_type=detailed",
         lambda r: (r["data_date_start"], r["data_date_end"], r["plan_id"], r["report_type"])
         == ("2026-02-28", "2026-02-28", 1, "detailed")),
        ("org_id=4321", lambda r: True),
    ],
)  # fmt: skip
def test_filters_select(api, query, holds):
    selected = ids_at(f"{api.base_url}/?{query}&page_size=3")
    assert selected == [report["report_id"] for report in api.reports if holds(report)]
    assert selected


@pytest.mark.parametrize(
    "query",
    ["page_size=0", "page_size=1001", "page_size=x", "report_type=full", "cadence=weekly",
     "start=yesterday", "plan_id=x", "after=nothing"],
)  # fmt: skip
def test_a_wrong_filter_is_refused(api, query):
    status, _, body = ask(f"{api.base_url}/?{query}")
    assert status == 400
    assert json.loads(body)["message"]


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [("sandbox-key", "", 200), ("sandbox-key", "x", 401), ("other", "", 401), ("", "", 401),
     (MEMBER_KEY, "", 403)],
)  # fmt: skip
def test_only_the_key_of_an_administrator_with_an_empty_password_is_let_in(
    api, user, password, status
):
    for url in (api.base_url, api.reports[0]["_links"]["self"], api.reports[0]["contents"][0]):
        assert ask(url, user, password)[0] == status


def test_another_organizations_reports_are_refused(api):
    assert ask(f"{api.base_url}/?org_id=1")[0] == 403


def test_a_report_has_an_address(api):
    report = api.reports[0]
    status, _, body = ask(report["_links"]["self"])
    assert (status, json.loads(body)) == (200, report)


@pytest.mark.parametrize(
    "path", ["/nothing", "/nothing/1", "/{id}/9", "/{id}/0", "/{id}/x", "/../x"]
)
def test_what_is_not_there_is_not_found(api, path):
    path = path.format(id=api.reports[0]["report_id"])
    assert ask(api.base_url + path)[0] == 404


def test_nothing_can_be_changed(api):
    for method in ("POST", "PUT", "DELETE"):
        assert ask(api.base_url, method=method)[0] == 405


def test_a_part_is_a_file_with_length_and_validator(api):
    report = api.reports[0]
    status, headers, body = ask(report["contents"][0])
    assert status == 200
    assert body == api.part(report["report_id"], 1)
    assert headers["Content-Length"] == str(len(body))
    assert headers["Content-Type"].startswith("text/csv")
    assert headers["ETag"]


def test_the_rest_of_a_part_can_be_asked_for(api):
    link = api.reports[0]["contents"][0]
    _, headers, whole = ask(link)
    span = {"Range": "bytes=100-"}
    status, found, rest = ask(link, **span, **{"If-Range": headers["ETag"]})
    assert (status, rest) == (206, whole[100:])
    assert found["Content-Range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    assert ask(link, **span, **{"If-Range": '"other"'})[::2] == (200, whole)
    assert ask(link, Range=f"bytes={len(whole)}-")[0] == 416


def test_reports_can_be_published_while_it_serves(api):
    before = all_ids(api)
    new = list(made_up_reports(seed=9, org_id=4321, plans=(3,), days=1, last_day=DAY, part_bytes=0))
    api.publish(*new)
    assert ids_at(api.base_url) == [r.report_id for r in new] + before


def test_it_takes_down_what_was_asked(api):
    ask(f"{api.base_url}/?page_size=5")
    ask(f"{api.base_url}/nothing")
    assert list(api.exchanges) == [
        ("GET", "/reports/v1/?page_size=5", 200),
        ("GET", "/reports/v1/nothing", 404),
    ]


def test_requests_beyond_a_rate_are_refused_for_a_second():
    sandbox = Sandbox(days=1, requests_per_second=3)
    with sandbox.serve() as base_url:
        answers = [ask(f"{base_url}/") for _ in range(5)]
        assert [status for status, _, _ in answers] == [200, 200, 200, 429, 429]
        _, headers, body = answers[-1]
        assert "rate limit" in json.loads(body)["message"]
        time.sleep(int(headers["Retry-After"]))
        assert ask(f"{base_url}/")[0] == 200
    assert sandbox.busiest_second == 5


def test_the_busiest_second_may_begin_at_any_time(monkeypatch):
    rate = Rate(4)
    clock = Mock(**{"monotonic.side_effect": [0.0, 0.9, 0.95, 1.0, 1.5, 1.8, 2.1, 2.6]})
    monkeypatch.setattr("airflow_provider_planet_reports.sandbox.rate.time", clock)
    assert [rate.lets_in() for _ in range(8)] == [True] * 5 + [False] + [True] * 2
    assert rate.busiest == 5


def test_by_default_the_newest_reports_are_yesterdays():
    yesterday = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
    assert Sandbox(days=1).reports[0]["data_date_end"] == yesterday.isoformat()
