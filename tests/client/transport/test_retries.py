from __future__ import annotations

import datetime as dt
import itertools
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_planet_reports.client.transport.retries import (
    LONGEST_RETRY_AFTER,
    Retries,
    parse_retry_after,
)


class Waits(list):
    """Takes down what would be waited."""

    def __call__(self, seconds):
        self.append(seconds)
        return False


@pytest.mark.parametrize(("header", "seconds"), [("7", 7), ("0", 0), (" 3 ", 3)])
def test_the_server_asks_in_seconds(header, seconds):
    assert parse_retry_after(header) == seconds


def test_the_server_asks_with_a_date():
    later = dt.datetime.now(dt.timezone.utc) + dt.timedelta(minutes=50)
    for zone in ("GMT", "-0000", "+0000"):
        header = format_datetime(later, usegmt=True).replace("GMT", zone)
        before = parse_retry_after(header)
        left = (later - dt.datetime.now(dt.timezone.utc)).total_seconds()
        assert left - 1 <= parse_retry_after(header) <= before <= 3600
    assert parse_retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0


@pytest.mark.parametrize("header", ["3601", "9" * 20, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_nobody_is_made_to_wait_for_more_than_an_hour(header):
    assert parse_retry_after(header) == LONGEST_RETRY_AFTER == 3600


@pytest.mark.parametrize(
    "header",
    [
        None, "", "-5", "soon", "nan", "inf", "1e3", "1_000", "\u0663", "9" * 5000,
        "Mon, 99 Foo 2026", "1 Jan 99999999999999999999 00:00:00",
    ],
)  # fmt: skip
def test_what_makes_no_sense_asks_for_nothing(header):
    assert parse_retry_after(header) is None


@given(
    st.text(max_size=60)
    | st.from_regex(r"\A(Mon, )?[0-9]{1,22} [A-Z][a-z]{2} [0-9]{1,22}( [0-9:]{1,30})?( .{0,25})?\Z")
    | st.from_regex(r"\A[-+ ]?[0-9]{1,400}[.e][0-9]{0,4}\Z")
)
def test_whatever_the_header_says_it_is_a_wait_of_at_most_an_hour_or_none(header):
    seconds = parse_retry_after(header)
    assert seconds is None or 0 <= seconds <= 3600


def test_pauses_grow_with_jitter_up_to_a_minute():
    waits = Waits()
    retries = Retries(12, wait=waits)
    assert all(retries.wait("trouble") for _ in range(12))
    for number, seconds in enumerate(waits, 1):
        longest = min(0.5 * 2**number, 60)
        assert longest / 2 <= seconds <= longest
    assert len(set(waits)) == 12


def test_the_budget_ends():
    waits = Waits()
    retries = Retries(3, wait=waits)
    assert [retries.wait("trouble") for _ in range(5)] == [True, True, True, False, False]
    assert len(waits) == 3
    assert not Retries(0, wait=waits).wait("trouble")


def test_progress_gives_the_budget_back():
    retries = Retries(2, wait=Waits())
    for _ in itertools.repeat(None, 20):
        assert retries.wait("trouble")
        retries.progressed()


def test_the_servers_wish_is_kept_but_never_waited_for_beyond_five_minutes():
    waits = Waits()
    retries = Retries(5, wait=waits)
    assert retries.wait("trouble", asked=42)
    assert waits == [42]
    assert retries.wait("trouble", asked=300)
    assert not retries.wait("trouble", asked=301)
    assert len(waits) == 2


def test_a_wish_for_no_pause_does_not_become_a_storm():
    waits = Waits()
    Retries(5, wait=waits).wait("trouble", asked=0)
    assert waits[0] >= 0.5


def test_waiting_that_is_cancelled_is_no_further_try():
    assert not Retries(5, wait=lambda seconds: True).wait("trouble")


def test_the_log_says_what_happened_and_how_often_it_will_be_tried(caplog):
    Retries(5, wait=Waits()).wait("GET https://api.example/ answered 503", asked=3)
    said = "GET https://api.example/ answered 503; trying again in 3.0 s (1 of 5)."
    assert said in caplog.text
