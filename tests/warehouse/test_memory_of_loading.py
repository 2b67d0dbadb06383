"""Memory stays flat: measured on whole processes that load a report of any size."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

MIB = 2**20

_LOAD = """
import sys
from pathlib import Path
from airflow_provider_planet_reports.warehouse import load_reports
outcome = load_reports(sys.argv[1], sys.argv[2])
assert not outcome.failures, outcome.failures
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(outcome.rows, status["VmHWM"].split()[0])
"""


@pytest.fixture
def peak_of_loading(zone, warehouse):
    def measure(report_id: str, line: bytes, size: int) -> int:
        """Return the peak memory of a process that loads one report, in bytes."""
        rows = size // len(line) + 1
        zone.land(report_id, b"n,user,note\n" + line * rows)
        done = subprocess.run(
            [sys.executable, "-c", _LOAD, zone.url, warehouse.url],
            env={**os.environ}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        loaded, kibibytes = map(int, done.stdout.splitlines()[-1].split())
        assert loaded == rows
        return kibibytes * 1024

    return measure


PLAIN = b'1,ana@example.com,"POLYGON ((0 0, 0 1, 1 1, 0 0))"\n'
ODD = b"1,j\xfcrgen,%s,beyond\n" % (b"x" * 60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("warehouse", "line"),
    [("duckdb", PLAIN), ("duckdb", ODD), ("postgres", PLAIN)],
    ids=["duckdb-plain", "duckdb-odd", "postgres-plain"],
    indirect=["warehouse"],
)
def test_a_report_of_300_mb_needs_at_most_400_mib(peak_of_loading, line):
    small = peak_of_loading("small", line, 0)
    peak = peak_of_loading("large", line, 300_000_000)
    print(f"{small // MIB} MiB, and {peak // MIB} MiB with a report of 300 MB")
    assert peak <= 400 * MIB
