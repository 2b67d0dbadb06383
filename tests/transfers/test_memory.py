"""Memory stays flat: measured on whole processes that land one part of 1 MiB and one of 1 GiB."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from surroundings import TESTS

MIB = 2**20

_LAND = """
import json, resource, sys
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator)
landed = PlanetReportsToObjectStorageOperator(
    task_id="land", destination=sys.argv[1], report_type="summary", cadence="daily").execute({})
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"peak": peak * 1024, "bytes": landed[0]["files"][0]["bytes"]}))
"""


@pytest.fixture
def peak_of_landing(ground, airflow_db):
    def measure(part_bytes: int) -> int:
        """Return the peak memory of a process that lands one part of at least this size."""
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow_provider_planet_reports.sandbox", "--port", "0",
             "--days", "1", "--plans", "1", "--part-bytes", str(part_bytes)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            said = [server.stdout.readline() for _ in range(5)]
            environment = dict(line.strip().split("=", 1) for line in said if "=" in line)
            connection = {name: value.strip("'") for name, value in environment.items()}
            done = subprocess.run(
                [sys.executable, "-c", _LAND, f"{ground.url}/{part_bytes}"],
                env={**os.environ, **connection}, cwd=TESTS,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()
        assert done.returncode == 0, done.stderr
        figures = json.loads(done.stdout.splitlines()[-1])
        assert figures["bytes"] >= part_bytes
        return figures["peak"]

    return measure


@pytest.mark.parametrize("ground", ["file", "rclone", "rclone-obstore"], indirect=True)
def test_a_part_of_a_gib_needs_hardly_more_memory_than_one_of_a_mib(peak_of_landing):
    small, large = peak_of_landing(MIB), peak_of_landing(1024 * MIB)
    assert large - small < 150 * MIB, f"{small // MIB} MiB -> {large // MIB} MiB"
