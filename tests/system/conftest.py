"""Airflows of the system tests: one for a test alone, and one that tests share."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from whole_airflow import Airflow


@pytest.fixture
def airflow_of(tmp_path: Path) -> Iterator[Callable[..., Airflow]]:
    """Start an Airflow that runs DAGs against an API."""
    started: list[Airflow] = []

    def start(api: str, key: str, *dags: str, **settings: str) -> Airflow:
        connection = {"conn_type": "planet_reports", "password": key, "host": api}
        settings = {"AIRFLOW_CONN_PLANET_REPORTS_DEFAULT": json.dumps(connection), **settings}
        airflow = Airflow(tmp_path / "airflow", dags, settings)
        started.append(airflow)
        airflow.start()
        return airflow

    yield start
    for airflow in started:
        airflow.stop()


@pytest.fixture(scope="session")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    """An Airflow for all tests that bring connections and destinations of their own."""
    home = tmp_path_factory.mktemp("shared") / "airflow"
    dags = ("landing_under_fire.py", "shared_rate.py")
    airflow = Airflow(home, dags, {"AIRFLOW__CORE__PARALLELISM": "4"})
    try:
        airflow.start()
        yield airflow
    finally:
        airflow.stop()
