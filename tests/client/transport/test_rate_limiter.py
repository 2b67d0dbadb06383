from __future__ import annotations

import threading
from itertools import pairwise

import pytest

from airflow_provider_planet_reports.client.transport import rate_limiter as module
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter


class Clock:
    """A clock that waiting moves on."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def seconds_for(limiter, clock, requests):
    """How long it takes from one request to the last of so many more."""
    limiter.wait()
    begun = clock.now
    for _ in range(requests):
        limiter.wait()
    return clock.now - begun


def test_without_a_ceiling_nothing_waits(clock):
    assert seconds_for(RateLimiter(wait=clock.sleep), clock, 100) == 0


def test_a_ceiling_spaces_requests_out(clock):
    assert seconds_for(RateLimiter(4, wait=clock.sleep), clock, 8) == pytest.approx(2)


@pytest.mark.parametrize("requests_each", [1, 2, 7])
def test_tasks_that_follow_one_another_keep_a_ceiling_as_one_task_does(clock, requests_each):
    sent = []
    for _ in range(20):
        limiter = RateLimiter(5, wait=clock.sleep)
        for _ in range(requests_each):
            limiter.wait()
            sent.append(clock.now)
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps == pytest.approx([0.2] * len(gaps))


def test_what_comes_before_the_first_request_is_part_of_its_turn(clock):
    limiter = RateLimiter(5, wait=clock.sleep)
    begun = clock.now
    clock.now += 0.15
    limiter.wait()
    assert clock.now - begun == pytest.approx(0.2)
    limiter = RateLimiter(5, wait=clock.sleep)
    clock.now += 3
    begun = clock.now
    limiter.wait()
    assert clock.now == begun


def test_time_that_passed_anyway_is_not_waited_for(clock):
    limiter = RateLimiter(1, wait=clock.sleep)
    limiter.wait()
    clock.now += 5
    begun = clock.now
    limiter.wait()
    assert clock.now == begun


def test_a_429_holds_everybody_back_for_as_long_as_the_server_asks(clock):
    limiter = RateLimiter(wait=clock.sleep)
    begun = clock.now
    limiter.slow_down(30)
    limiter.wait()
    assert clock.now - begun == pytest.approx(30)


def test_each_429_halves_the_pace_down_to_one_in_five_seconds(clock):
    limiter = RateLimiter(wait=clock.sleep)
    for each in (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5):
        limiter.slow_down(0)
        assert seconds_for(limiter, clock, 1) == pytest.approx(each, rel=0.01)


def test_success_brings_the_old_pace_back(clock):
    limiter = RateLimiter(wait=clock.sleep)
    limiter.slow_down(0)
    for _ in range(40):
        limiter.recover()
    clock.now += 1
    assert seconds_for(limiter, clock, 100) == 0


def test_neither_refusals_nor_success_lift_the_users_ceiling(clock):
    limiter = RateLimiter(0.1, wait=clock.sleep)  # slower than the slowest limiter that is learned
    limiter.slow_down(0)
    assert seconds_for(limiter, clock, 1) == pytest.approx(10)
    limiter = RateLimiter(8, wait=clock.sleep)
    limiter.slow_down(0)
    assert seconds_for(limiter, clock, 4) == pytest.approx(1)
    for _ in range(100):
        limiter.recover()
    clock.now += 1
    assert seconds_for(limiter, clock, 8) == pytest.approx(1)


def test_threads_share_it(clock):
    waited = []  # nobody sleeps, so the turns lie in a row
    limiter = RateLimiter(10, wait=waited.append)
    threads = [threading.Thread(target=limiter.wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waited) == pytest.approx([turn / 10 for turn in range(1, 21)])
