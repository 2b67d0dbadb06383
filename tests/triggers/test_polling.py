from __future__ import annotations

import asyncio
import contextvars
import threading

from asgiref.sync import async_to_sync

from airflow_provider_planet_reports.triggers.polling import in_thread


def test_what_a_thread_asks_airflow_comes_back_to_the_triggerers_own_event_loop():
    async def answer():
        return asyncio.get_running_loop()

    def as_airflow_asks_its_supervisor():
        return async_to_sync(answer)()

    async def poll():
        return await in_thread(as_airflow_asks_its_supervisor) is asyncio.get_running_loop()

    assert asyncio.run(poll())


def test_polls_run_side_by_side_and_know_whose_they_are():
    whose = contextvars.ContextVar("whose")
    both = threading.Barrier(2, timeout=60)

    def blocks():
        both.wait()
        return whose.get()

    async def poll(name):
        whose.set(name)
        return await in_thread(blocks)

    async def two():
        return await asyncio.gather(poll("one"), poll("other"))

    assert asyncio.run(two()) == ["one", "other"]
