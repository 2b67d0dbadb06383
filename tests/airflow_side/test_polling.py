from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time

import pytest
from asgiref.sync import async_to_sync
from surroundings import connect

from airflow_provider_planet_reports.airflow_side import polling
from airflow_provider_planet_reports.airflow_side.polling import in_thread
from airflow_provider_planet_reports.sandbox.server import Answer, Sandbox
from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsTrigger


def test_what_a_thread_asks_airflow_comes_back_to_the_triggerers_own_event_loop():
    async def answer():
        return asyncio.get_running_loop()

    def as_airflow_asks_its_supervisor():
        return async_to_sync(answer)()

    async def poll():
        return await in_thread("a", as_airflow_asks_its_supervisor) is asyncio.get_running_loop()

    assert asyncio.run(poll())


def test_polls_run_side_by_side_and_know_whose_they_are():
    whose = contextvars.ContextVar("whose")
    both = threading.Barrier(2, timeout=60)

    def blocks():
        both.wait()
        return whose.get()

    async def poll(name):
        whose.set(name)
        return await in_thread(name, blocks)

    async def two():
        return await asyncio.gather(poll("one"), poll("other"))

    assert asyncio.run(two()) == ["one", "other"]


def test_what_a_poll_raises_is_raised():
    def fails():
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        asyncio.run(in_thread("a", fails))


def test_a_connection_whose_polls_hang_leaves_threads_to_the_others():
    go_on, running = threading.Event(), []

    def hangs():
        running.append(1)
        go_on.wait(60)

    async def both():
        hanging = [asyncio.create_task(in_thread("a", hangs)) for _ in range(100)]
        while len(running) < polling._POLLS_OF_ONE_CONNECTION:
            await asyncio.sleep(0.01)
        answer = await in_thread("b", lambda: "b is polled")
        assert len(running) == polling._POLLS_OF_ONE_CONNECTION < polling._POLLS_AT_A_TIME / 2
        go_on.set()
        await asyncio.gather(*hanging)
        return answer

    assert asyncio.run(both()) == "b is polled"
    assert len(running) == 100  # each had its turn


def test_all_connections_together_have_a_limit():
    go_on, lock, running, most = threading.Event(), threading.Lock(), [0], [0]

    def works():
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        go_on.wait(60)
        with lock:
            running[0] -= 1

    async def many():
        polls = [asyncio.create_task(in_thread(str(number), works)) for number in range(100)]
        while running[0] < polling._POLLS_AT_A_TIME:
            await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.gather(*polls)

    asyncio.run(many())
    assert most[0] == polling._POLLS_AT_A_TIME


_HANGS = """
import asyncio, threading
from airflow_provider_planet_reports.airflow_side.polling import in_thread

begun = threading.Event()

def hangs():
    begun.set()
    threading.Event().wait()

async def main():
    poll = asyncio.create_task(in_thread("a", hangs))
    while not begun.is_set():
        await asyncio.sleep(0.01)
    poll.cancel()

asyncio.run(main())
print("done")
"""


def test_a_poll_that_hangs_keeps_no_process_alive():
    done = subprocess.run(
        [sys.executable, "-c", _HANGS], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.endswith("done\n")


class Silent(Sandbox):
    """Holds its requests back until it is told to answer."""

    def __init__(self, **options):
        super().__init__(**options)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def answer(self, request):
        self.asked.set()
        self.go_on.wait(120)
        return Answer(503, {})


def test_a_trigger_that_is_cancelled_ends_its_poll_and_frees_the_thread(monkeypatch):
    sandbox = Silent(days=1)
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"timeout": 600})

        async def run():
            waiting = asyncio.create_task(anext(PlanetReportsTrigger(poke_interval=0.01).run()))
            while not sandbox.asked.is_set():
                await asyncio.sleep(0.01)
            (thread,) = poll_threads()
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            return thread

        try:
            asyncio.run(run()).join(60)
            assert not poll_threads()
        finally:
            sandbox.go_on.set()


def test_a_poll_that_is_cancelled_before_it_begins_never_asks(sandbox, monkeypatch):
    hold, begun = threading.Event(), threading.Event()

    def poll():
        begun.set()
        hold.wait(60)
        PlanetReportsTrigger().wait.look(max_retries=0)

    async def run():
        polling_ = asyncio.create_task(in_thread("a", poll))
        while not begun.is_set():
            await asyncio.sleep(0.01)
        polling_.cancel()
        with pytest.raises(asyncio.CancelledError):
            await polling_
        hold.set()

    asyncio.run(run())
    while poll_threads():
        time.sleep(0.01)
    assert not sandbox.exchanges


def poll_threads():
    return [each for each in threading.enumerate() if each.name == "planet-reports-poll"]
