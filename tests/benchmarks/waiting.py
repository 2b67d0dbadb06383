"""What waiting costs: ``python tests/benchmarks/waiting.py`` prints figures; it takes 80 seconds.

* a thousand triggers in one event loop: how long the loop was blocked, memory per trigger, how
  their requests spread over the interval;
* triggers in the face of 60 seconds of 401 and of 503: how often they asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import shutil
import sys
import time
import tracemalloc
from collections import Counter
from pathlib import Path

os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from surroundings import AIRFLOW_HOME  # an Airflow of its own

from airflow_provider_planet_reports.sandbox.server import Answer, Sandbox
from airflow_provider_planet_reports.triggers.planet_reports import (
    PlanetReportsEventTrigger,
    PlanetReportsTrigger,
)

TRIGGERS, INTERVAL, SECONDS = 1000, 10, 60
NEVER = {"start": "2001-01-01", "end": "2001-01-02"}


class Refusing(Sandbox):
    """It answers everything with one status, and takes down when."""

    def __init__(self, status):
        super().__init__(days=1)
        self.status, self.times = status, []

    def answer(self, request):
        self.times.append(time.monotonic())
        answer = super().answer(request)
        return Answer(self.status, {"message": "No."}) if self.status else answer


def connect(conn_id, sandbox):
    connection = {"conn_type": "planet_reports", "password": sandbox.key, "host": sandbox.base_url}
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps(connection)


async def drain(trigger):
    async for _ in trigger.run():
        pass


async def thousand(sandbox):
    gc.collect()
    tracemalloc.start()
    triggers = [
        PlanetReportsTrigger("fine", poke_interval=INTERVAL, **NEVER) for _ in range(TRIGGERS)
    ]
    tasks = [asyncio.create_task(drain(trigger)) for trigger in triggers]
    await asyncio.sleep(0)
    gc.collect()
    print(f"memory per waiting trigger: {tracemalloc.get_traced_memory()[0] / TRIGGERS:.0f} bytes")
    tracemalloc.stop()
    begun, lags, work = time.monotonic(), [], []
    while time.monotonic() < begun + 2 * INTERVAL:
        before, worked = time.monotonic(), time.thread_time()
        await asyncio.sleep(0.001)
        lags.append(time.monotonic() - before - 0.001)
        work.append(time.thread_time() - worked)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for name, values in (("late by", sorted(lags)), ("at work for", sorted(work))):
        p99, longest = values[len(values) * 99 // 100], values[-1]
        print(f"event loop {name}: p99 {p99 * 1000:.1f} ms, most {longest * 1000:.1f} ms")
    seconds = Counter(int(when - begun) for when in sandbox.times)
    print(f"requests in each second: {[seconds[second] for second in range(2 * INTERVAL)]}")


async def refused(status):
    with contextlib.ExitStack() as stack:
        sandboxes = [Refusing(status) for _ in range(2)]
        names = [f"refusing_{status}_{number}" for number in range(2)]
        for name, sandbox in zip(names, sandboxes, strict=True):
            stack.enter_context(sandbox.serve())
            connect(name, sandbox)
        begun = time.monotonic()
        tasks = [
            asyncio.create_task(drain(PlanetReportsTrigger(names[0], poke_interval=1))),
            asyncio.create_task(drain(PlanetReportsEventTrigger(names[1], poll_interval=1))),
        ]
        await asyncio.sleep(SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for kind, sandbox in zip(("trigger", "event trigger"), sandboxes, strict=True):
            at = [round(when - begun) for when in sandbox.times]
            print(f"{SECONDS} s of {status}, {kind} of 1 s: {len(at)} requests, at {at} s")


async def main():
    sandbox = Refusing(None)
    with sandbox.serve():
        connect("fine", sandbox)
        await thousand(sandbox)
    await asyncio.gather(refused(401), refused(503))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of the process, server included: {peak} MiB")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    finally:
        shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)
