"""This provider's triggers: many that wait in one event loop, and what they do when refused."""

from __future__ import annotations

import asyncio
import gc
import resource
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from benchmarks.job import Job

NEEDS = ("apache-airflow",)
CONN_ID = "benchmark_planet"
_NEVER = {"start": "2001-01-01", "end": "2001-01-02"}
_TICK = 0.001
_PAGE = resource.getpagesize()


#: A landing zone in which nothing is landed.
_EMPTY = "file:///nonexistent/planet"


async def _drain(events: AsyncIterator[Any]) -> None:
    async for _ in events:
        pass


def _memory() -> int:
    """Return what the process has in memory now."""
    gc.collect()
    with open("/proc/self/statm") as file:  # noqa: PTH123 - the benchmark's triggers run on Linux
        return int(file.read().split()[1]) * _PAGE


def triggers(job: Job) -> Callable[[], dict[str, Any]]:
    """Triggers that wait for what does not come."""
    from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsTrigger

    def waiting(interval: float) -> asyncio.Task[None]:
        trigger = PlanetReportsTrigger(CONN_ID, poke_interval=interval, **_NEVER)
        return asyncio.create_task(_drain(trigger.run()))

    async def work() -> dict[str, Any]:
        first = waiting(0.1)
        await asyncio.sleep(1)
        first.cancel()
        with_one = _memory()
        tasks = [waiting(job.more["interval"]) for _ in range(job.count)]
        await asyncio.sleep(0)
        facts = await _watched_loop(job.more["seconds"])
        facts["bytes each"] = round((_memory() - with_one) / job.count)
        await _end(tasks)
        return facts

    return lambda: asyncio.run(work())


class _FullCollections:
    """When Python's full garbage collections were at work, which stops every thread.

    They go over all that Airflow has in memory, whatever waits; so they are told apart.
    """

    def __init__(self) -> None:
        self._begun = 0.0
        self._spans: list[tuple[float, float]] = []

    def __call__(self, phase: str, about: Mapping[str, int]) -> None:
        if about["generation"] < 2:
            return
        if phase == "start":
            self._begun = time.monotonic()
        else:
            self._spans.append((self._begun, time.monotonic()))

    def within(self, begin: float, end: float) -> float:
        """Return how many seconds of a span they took."""
        return sum(max(min(end, last) - max(begin, first), 0.0) for first, last in self._spans)

    def longest(self) -> float:
        """Return how many seconds one took at most."""
        return max((last - first for first, last in self._spans), default=0.0)


async def _watched_loop(seconds: float) -> dict[str, Any]:
    """Let the loop run, and see by how much it is late."""
    collections = _FullCollections()
    gc.callbacks.append(collections)
    begun, cpu, ticks = time.monotonic(), time.process_time(), []
    while (before := time.monotonic()) < begun + seconds:
        await asyncio.sleep(_TICK)
        ticks.append((before, time.monotonic()))
    cpu = time.process_time() - cpu
    gc.callbacks.remove(collections)
    late = sorted(end - begin - _TICK - collections.within(begin, end) for begin, end in ticks)
    return {
        "late by at most, ms": round(late[-1] * 1000, 1),
        "late by, p99, ms": round(late[len(late) * 99 // 100] * 1000, 1),
        "full garbage collection, ms": round(collections.longest() * 1000, 1),
        "cores": round(cpu / seconds, 3),
    }


def refused(job: Job) -> Callable[[], dict[str, Any]]:
    """A trigger and a watcher that look every second, in the face of a status."""
    from airflow_provider_planet_reports.triggers.planet_reports import (
        PlanetReportsEventTrigger,
        PlanetReportsTrigger,
    )

    async def work() -> dict[str, Any]:
        place = f"file://{job.folder}"
        watcher = PlanetReportsEventTrigger(CONN_ID, destination=place, poll_interval=1)
        tasks = [
            asyncio.create_task(_drain(PlanetReportsTrigger(CONN_ID, poke_interval=1).run())),
            asyncio.create_task(_drain(watcher.run())),
        ]
        await asyncio.sleep(job.more["seconds"])
        await _end(tasks)
        return {}

    return lambda: asyncio.run(work())


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
