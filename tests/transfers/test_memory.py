"""Memory stays flat: measured on whole processes that land parts of any size, and any number."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from made_reports import made
from surroundings import TESTS, connect

from airflow_provider_planet_reports.sandbox import Sandbox

MIB = 2**20

_LAND = """
import json, resource, sys
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator)
landed = PlanetReportsToObjectStorageOperator(
    task_id="land", destination=sys.argv[1], max_workers=sys.argv[2]
).execute({})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sizes = [file["bytes"] for report in landed for file in report["files"]]
print(json.dumps({"peak": peak * 1024, "parts": len(sizes), "bytes": sum(sizes)}))
"""


@pytest.fixture
def peak_of_landing(ground, airflow_db, monkeypatch):
    def measure(parts: int, part_bytes: int, max_workers: int = 4) -> int:
        """Return the peak memory of a process that lands one report."""
        place = f"{ground.url}/{max_workers}-{parts}-{part_bytes}"
        sandbox = Sandbox(days=0)
        sandbox.publish(made("a", parts, part_bytes))
        with sandbox.serve():
            connect(monkeypatch, sandbox.key, sandbox.base_url)
            done = subprocess.run(
                [sys.executable, "-c", _LAND, place, str(max_workers)],
                env={**os.environ}, cwd=TESTS, capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout.splitlines()[-1])
        assert figures["parts"] == parts
        assert figures["bytes"] >= parts * part_bytes
        return figures["peak"]

    return measure


@pytest.mark.slow
@pytest.mark.parametrize("ground", ["file", "rclone"], indirect=True)
def test_parts_of_any_size_and_number_need_at_most_150_mib_with_four_workers(peak_of_landing):
    small = peak_of_landing(1, 0)
    for parts, size in ((1, 1024), (4, 192), (1000, 1), (32, 8)):
        more = (peak_of_landing(parts, size * MIB) - small) // MIB
        print(f"{parts} parts of {size} MiB: +{more} MiB")
        assert more < 150, f"{parts} parts of {size} MiB"


@pytest.mark.slow
@pytest.mark.parametrize("ground", ["file", "rclone"], indirect=True)
def test_more_workers_need_little_more_since_few_large_files_are_on_their_way(peak_of_landing):
    more = (peak_of_landing(32, 8 * MIB, max_workers=16) - peak_of_landing(1, 0)) // MIB
    print(f"32 parts of 8 MiB, 16 workers: +{more} MiB")
    assert more < 250
