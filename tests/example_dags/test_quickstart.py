from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import airflow
from surroundings import TESTS


def quickstart(folder):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")
    }
    done = subprocess.run(
        [sys.executable, TESTS.parent / "example_dags" / "quickstart.py"],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_lands_and_loads_once_and_shows_the_usage(tmp_path):
    first = quickstart(tmp_path)
    assert "the sandbox, which is not Planet" in first
    assert "Landed 56 reports" in first
    assert (tmp_path / ".quickstart/sandbox/planet_reports/_receipts").as_uri().rpartition("/")[
        0
    ] in first
    assert "rows into summary_daily" in first
    assert "Usage by day and item type" in first
    assert first.count("│ PSScene") == 7
    page = tmp_path / ".quickstart/sandbox/planet_dashboard/index.html"
    assert first.splitlines()[-1].strip() == page.as_uri()
    assert "Made-up figures from the sandbox" in page.read_text()
    assert page.read_text().count("<b>Planet says ") == 2
    assert "Read this first" not in page.read_text()
    assert {path.name for path in page.parent.iterdir()} == {"usage.csv", "index.html"}
    second = quickstart(tmp_path)
    assert "All 56 reports are landed already." in second
    assert "Loaded nothing" in second
    assert first.partition("Usage by day")[2] == second.partition("Usage by day")[2]


def test_every_example_dag_parses():
    try:
        from airflow.dag_processing.dagbag import DagBag

        quiet = {}
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag

        quiet = {"include_examples": False}

    bag = DagBag(TESTS.parent / "example_dags", **quiet)
    errors = {Path(path).name: text for path, text in bag.import_errors.items()}
    expected = {
        "planet_reports_check", "planet_reports_daily", "planet_reports_daily_deferrable",
        "planet_reports_dashboard", "planet_reports_focus", "planet_reports_in_place",
        "planet_reports_mapped", "planet_reports_postgres", "planet_reports_suborganizations",
    }  # fmt: skip
    if hasattr(airflow, "__version__") and airflow.__version__ < "3":
        why = errors.pop("planet_reports_event_driven.py")
        assert "PlanetReportsEventTrigger needs Airflow 3.0 or later" in why
    else:
        expected |= {"planet_reports_event_driven"}
    if "planet_reports_monthly.py" in errors:
        assert "airflow.sdk" in errors.pop("planet_reports_monthly.py")  # before Airflow 3.3
    else:
        expected |= {"planet_reports_days", "planet_reports_months"}
    assert not errors
    assert set(bag.dag_ids) == expected
