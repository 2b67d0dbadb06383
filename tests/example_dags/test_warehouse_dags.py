"""The example DAGs that load a warehouse, or none, run by Airflow in this process."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from importlib import import_module, reload

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.warehouse import load_reports


@pytest.fixture
def dag_of(monkeypatch, airflow_db):
    """Import an example as Airflow would, with its settings in the environment."""

    from airflow import settings as airflow_settings

    folder = str(TESTS.parent / "example_dags")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", folder)
    monkeypatch.setattr(airflow_settings, "DAGS_FOLDER", folder)

    def dag_of(name, **settings):
        for variable, value in settings.items():
            monkeypatch.setenv(variable, value)
        dag = reload(import_module(name)).dag
        for task in dag.tasks:
            task.retries = 0  # whoever tests need not wait ten minutes to see a failure
        return dag

    return dag_of


def run(dag, **params):
    run = dag.test(run_conf=params)

    def returned(task_id):
        return run.get_task_instance(task_id).xcom_pull(task_ids=task_id)

    return run.state, returned


def first_and_last(reports):
    days = [dt.date.fromisoformat(report["data_date_start"]) for report in reports]
    return min(days), max(days)


def test_postgres_has_the_rows_of_the_days_asked_for(
    dag_of, sandbox, postgres_warehouse, tmp_path, moto, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_MOTO", json.dumps(moto.connection))
    dag = dag_of(
        "planet_reports_postgres",
        PLANET_REPORTS_DESTINATION=moto.ground("moto").url,
        PLANET_REPORTS_POSTGRES_CONN_ID="warehouse",
    )
    state, returned = run(dag, days=2)
    assert state == "success"
    rows = Counter()
    for report in returned("land"):
        assert report["cadence"] == "daily"
        rows[f"{report['report_type']}_daily"] += sum(file["rows"] for file in report["files"])
    assert returned("load")["tables"] == rows
    assert postgres_warehouse.ask("SELECT count(*) FROM loaded_reports") == [(4,)]
    assert postgres_warehouse.ask(
        "SELECT min(_data_date), max(_data_date), count(*) FROM summary_daily"
    ) == [(*first_and_last(returned("land")), rows["summary_daily"])]
    assert run(dag, days=2)[1]("load")["reports"] == 0


def test_reports_are_queried_where_they_lie(dag_of, sandbox, tmp_path):
    dag = dag_of("planet_reports_in_place", PLANET_REPORTS_DESTINATION=tmp_path.as_uri())
    state, returned = run(dag)
    assert state == "success"
    assert returned("rows_by_day") == sorted(
        (
            {
                "day": report["data_date_start"],
                "plan_id": "1001",
                "rows": sum(file["rows"] for file in report["files"]),
            }
            for report in returned("land")
        ),
        key=lambda row: row["day"],
    )
    assert len(returned("rows_by_day")) == 3


def test_the_check_tells_what_is_not_landed_and_what_is_not_loaded(
    dag_of, sandbox, duckdb_warehouse, tmp_path
):
    destination = (tmp_path / "landing").as_uri()
    check = dag_of(
        "planet_reports_check",
        PLANET_REPORTS_DESTINATION=destination,
        PLANET_REPORTS_WAREHOUSE=(warehouse := f"duckdb://{tmp_path}/warehouse.duckdb"),
    )
    assert run(check, days=3)[0] == "failed"
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, cadence="daily"
    ).execute({})
    load_reports(destination, warehouse)
    state, returned = run(check, days=3)
    assert state == "success"
    assert (returned("check")["reports"], returned("check")["loaded"]) == (6, 6)
    duckdb_warehouse.ask("DELETE FROM loaded_reports WHERE table_name = 'summary_daily'")
    assert run(check, days=3)[0] == "failed"
    assert run(check, days=3, report_type="detailed")[0] == "success"
