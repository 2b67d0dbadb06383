"""The command ``load``."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_planet_reports.__main__ import main


@pytest.fixture
def run(monkeypatch, capfd):
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "client")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["planet-reports", *words])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return code, capfd.readouterr()

    return run


def test_what_is_landed_is_loaded_once(run, sandbox, tmp_path):
    zone, warehouse = (tmp_path / "landing").as_uri(), f"duckdb://{tmp_path}/usage.duckdb"
    run("land", zone, "--cadence", "daily")
    code, printed = run("load", zone, warehouse, "--report-type", "summary")
    table, total = printed.out.splitlines()
    assert (code, total) == (0, "3 reports loaded, 0 failed.")
    assert table.startswith("summary_daily  ")
    code, printed = run("load", zone, warehouse, "--required-column", "no such")
    assert (code, printed.out) == (1, "0 reports loaded, 3 failed.\n")
    assert "Column 'no such' is missing" in printed.err
    assert run("load", zone, warehouse, "--column", "usage")[0].startswith("--column 'usage' has")


def test_a_folder_without_landed_reports_is_named(tmp_path):
    nowhere = (tmp_path / "nowhere").as_uri()
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_planet_reports", "load", nowhere,
         f"duckdb://{tmp_path}/usage.duckdb"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "0 reports loaded, 0 failed.\n"
    assert done.stderr == f"Nothing that matches is landed in {nowhere}/: check it.\n"
