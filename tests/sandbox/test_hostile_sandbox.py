"""The hostile sandbox: what it has in store is what it says, and the same for the same seed."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import requests
from hostile import SIGNATURE, HostileSandbox
from hostile.incident import FAULTS

from airflow_provider_planet_reports.sandbox import Sandbox

DAY = dt.date(2026, 3, 1)


def hostile(**options):
    return HostileSandbox(days=1, plans=(1,), last_day=DAY, stall_seconds=0.5, **options)


def get(url, key="sandbox-key", **options):
    return requests.get(url, auth=(key, ""), timeout=10, **options)


def what_comes(url):
    """Status, headers that matter and body of an answer, or how it failed."""
    try:
        answer = get(url, allow_redirects=False)
    except requests.RequestException as error:
        return type(error).__name__
    return answer.status_code, answer.headers.get("Retry-After"), len(answer.content)


def content_link(sandbox):
    return sandbox.reports[0]["contents"][0]


def test_at_rest_it_is_a_sandbox():
    plain, still = Sandbox(days=1, plans=(1,), last_day=DAY), hostile(rate=0)
    with plain.serve() as one, still.serve() as other:
        for path in ("/", "/?page_size=1"):
            there = get(one + path).text.replace(one, "")
            assert get(other + path).text.replace(other, "") == there
    assert not still.inflicted


@pytest.mark.parametrize("place", ["listing", "report", "content"])
@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_happens_where_it_says_and_has_a_line_for_people(name, place):
    sandbox = hostile(faults=[name], rate=1)
    assert re.fullmatch(r".{10,100}\.", FAULTS[name].description)
    with sandbox.serve() as base_url:
        what_comes(
            {
                "listing": f"{base_url}/",
                "report": f"{base_url}/{sandbox.reports[0]['report_id']}",
                "content": content_link(sandbox),
            }[place]
        )
        expected = {name} if place in FAULTS[name].places else set()
        assert {met for met, _ in sandbox.inflicted} == expected


def test_who_meets_what_is_the_same_for_the_same_seed_whatever_the_order():
    def seen(seed, order):
        sandbox = hostile(rate=0.5, fault_seed=seed)
        with sandbox.serve() as base_url:
            for number in order:
                what_comes(f"{base_url}/?page_size={number}")
        return sorted((name, path) for name, path in sandbox.inflicted)

    pages = list(range(1, 40))
    once = seen(7, pages)
    assert once == seen(7, reversed(pages))
    assert once != seen(8, pages)


def test_faults_are_a_share_of_the_requests_and_can_be_stopped():
    sandbox = hostile(faults=["refused"], rate=0.3)
    with sandbox.serve() as base_url:
        for _ in range(200):
            get(f"{base_url}/")
        assert 30 <= len(sandbox.inflicted) <= 90
        sandbox.rate, before = 0, len(sandbox.inflicted)
        assert all(get(f"{base_url}/").status_code == 200 for _ in range(20))
        assert len(sandbox.inflicted) == before


def test_an_unknown_fault_is_refused_with_those_that_there_are():
    with pytest.raises(ValueError, match=r"\['rest'\].*reset"):
        HostileSandbox(faults=["reset", "rest"])


def test_signed_links_open_files_on_another_origin_for_anybody_until_they_expire():
    sandbox = hostile(signed_links=True, rate=0)
    with sandbox.serve() as base_url:
        report = sandbox.reports[0]
        link = content_link(sandbox)
        assert not link.startswith(base_url)
        assert SIGNATURE in link
        assert requests.get(link, timeout=10).content == sandbox.part(report["report_id"], 1)
        assert requests.get(link.partition("?")[0], timeout=10).status_code == 403
        sandbox.expire(report["report_id"])
        assert requests.get(link, timeout=10).status_code == 403
        assert requests.get(content_link(sandbox), timeout=10).status_code == 200
        assert len(sandbox.requests_elsewhere) == 4


def test_an_exchanged_report_has_other_rows_under_the_same_id():
    sandbox = hostile(rate=0)
    before = sandbox.reports[0]
    old = sandbox.part(before["report_id"], 1)
    sandbox.exchange(before["report_id"])
    after = sandbox.reports[0]
    assert after["report_id"] == before["report_id"]
    assert after["num_rows"] != before["num_rows"]
    assert sandbox.part(before["report_id"], 1) != old


def test_a_withdrawn_report_is_gone_and_the_listing_goes_on_behind_it():
    sandbox = hostile(rate=0)
    with sandbox.serve() as base_url:
        first, *rest = [each["report_id"] for each in get(f"{base_url}/").json()["reports"]]
        page = get(f"{base_url}/?page_size=1").json()
        sandbox.withdraw(first)
        assert get(f"{base_url}/{first}").status_code == 404
        following = get(page["_links"]["next"]).json()["reports"]
        assert [each["report_id"] for each in following] == rest[:1]
