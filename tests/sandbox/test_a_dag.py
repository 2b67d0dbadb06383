"""The test of a DAG that the page of the sandbox shows."""

from __future__ import annotations

import json

import pytest

from airflow_provider_planet_reports.sandbox import Sandbox


@pytest.fixture
def api(monkeypatch):
    sandbox = Sandbox(days=3, plans=(1001,))
    with sandbox.serve() as base_url:
        connection = {"conn_type": "planet_reports", "password": sandbox.key, "host": base_url}
        monkeypatch.setenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT", json.dumps(connection))
        yield sandbox


def land(dag, destination):
    run = dag.test(run_conf={"destination": destination})
    assert run.state == "success"
    return run.get_task_instance("land").xcom_pull(task_ids="land")


def test_what_is_landed_is_not_landed_again(api, dag, tmp_path, airflow_db):
    first = land(dag, tmp_path.as_uri())
    assert {each["report_id"] for each in first} == {each["report_id"] for each in api.reports}
    assert land(dag, tmp_path.as_uri()) == []
