from __future__ import annotations

import datetime as dt
import json

import pytest

from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.errors import InvalidInput


def test_nothing_given_asks_for_everything():
    filters = Filters()
    assert filters.parameters == {}
    assert filters.to_kwargs() == {}


def test_what_a_template_leaves_empty_is_not_given():
    for nothing in ("", "  ", None):
        filters = Filters(**dict.fromkeys(Filters.names(), nothing))
        assert filters.parameters == {}
        assert filters.path is None


def test_filters_become_query_parameters():
    filters = Filters(
        org_id="0042", plan_id=7, report_type="summary", cadence="daily",
        start=dt.date(2026, 1, 1), end="2026-01-31", page_size="250",
        query={"flag": True, "tags": ["a", 1], "left_out": None, "day": dt.date(2026, 1, 2)},
    )  # fmt: skip
    assert filters.parameters == {
        "org_id": "0042", "plan_id": "7", "report_type": "summary", "cadence": "daily",
        "start": "2026-01-01", "end": "2026-01-31", "page_size": 250,
        "flag": "true", "tags": ["a", "1"], "day": "2026-01-02",
    }  # fmt: skip


def test_keyword_arguments_are_json_and_make_the_same_filters():
    filters = Filters(
        org_id=1, start=dt.date(2026, 1, 1), query={"x": [1, 2]}, path="/other listing/"
    )
    kwargs = json.loads(json.dumps(filters.to_kwargs()))
    again = Filters(**kwargs)
    assert again.parameters == filters.parameters
    assert again.path == filters.path == "other%20listing/"
    assert again.to_kwargs() == kwargs


@pytest.mark.parametrize(
    "moment",
    [
        dt.datetime(2026, 1, 2, 0, 30),
        dt.datetime(2026, 1, 2, 0, 30, tzinfo=dt.timezone.utc),
        dt.datetime(2026, 1, 1, 20, 30, tzinfo=dt.timezone(dt.timedelta(hours=-4))),
    ],
)
def test_a_moment_means_its_day_in_utc(moment):
    assert Filters(start=moment).parameters == {"start": "2026-01-02"}


@pytest.mark.parametrize("name", ["query", "path"])
def test_a_further_parameter_may_have_any_name_that_no_filter_sends(name):
    assert Filters(query={name: "x"}, path="other/").parameters == {name: "x"}


def test_one_day_is_a_range():
    Filters(start="2026-01-01", end="2026-01-01")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"org_id": "12a"}, "org_id='12a' is not allowed: it must be digits"),
        ({"org_id": -1}, "org_id=-1 is not allowed"),
        ({"plan_id": True}, "plan_id=True is not allowed"),
        ({"plan_id": "٣"}, "plan_id='٣' is not allowed"),
        ({"plan_id": 1.0}, "plan_id=1.0 is not allowed"),
        ({"report_type": "full"}, "report_type='full' is not allowed: it must be 'detailed' or"),
        ({"report_type": 3}, "report_type=3 is not allowed"),
        ({"cadence": "Daily"}, "cadence='Daily' is not allowed: it must be 'daily' or 'monthly'"),
        ({"start": "2026-1-1"}, "start='2026-1-1' is not a date: it must be a date or text like"),
        ({"start": "20260101"}, "start='20260101' is not a date"),
        ({"end": "2026-02-30"}, "end='2026-02-30' is not a date"),
        ({"end": 20260101}, "end=20260101 is not a date"),
        ({"end": "{{ ds }}"}, "end='{{ ds }}' is not a date"),
        ({"start": "2026-02-02", "end": "2026-02-01"}, "start must not be after end: start="),
        ({"page_size": 0}, "page_size=0 is not allowed: it must be a whole number from 1"),
        ({"page_size": -5}, "page_size=-5 is not allowed"),
        ({"page_size": "many"}, "page_size='many' is not allowed"),
        ({"page_size": 1.5}, "page_size=1.5 is not allowed"),
        ({"page_size": False}, "page_size=False is not allowed"),
        ({"query": ["a"]}, "query=['a'] is not allowed: it must be a mapping"),
        ({"query": {1: "a"}}, "query={1: 'a'} is not allowed"),
        ({"query": {"": "a"}}, "query={'': 'a'} is not allowed"),
        ({"query": {"a": {}}}, "query['a']={} is not allowed: it must be text, a number"),
        ({"query": {"a": [None]}}, "query['a']=None is not allowed"),
        ({"query": {"end": "x"}, "end": "2026-01-01"}, "query='end' is also given as"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_named_with_what_is_allowed(given, said):
    with pytest.raises(InvalidInput) as caught:
        Filters(**given)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    "path",
    ["../admin", "a/../../b", "a/%2e%2E/b", "https://evil.example/x", "//evil.example/x", "a?b=c",
     "a#b", "a\\..\\b", "/", 7, "http://[x"],
)  # fmt: skip
def test_a_path_stays_below_the_base_url(path):
    with pytest.raises(InvalidInput, match="it must be relative to the base URL"):
        Filters(path=path)


def test_another_listing_has_report_types_of_its_own():
    filters = Filters(path="other/", report_type="any-name", cadence="weekly")
    assert filters.parameters == {"report_type": "any-name", "cadence": "weekly"}
    with pytest.raises(InvalidInput):
        Filters(path="other/", report_type=7)
