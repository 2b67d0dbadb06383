from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task
from documented_dags import dags_of, run

from airflow_provider_planet_reports.airflow_side.parameters import rendered_filters
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import landed_reports
from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.operators.usage_page import PlanetUsagePageOperator
from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_warehouse import (
    PlanetReportsToWarehouseOperator,
)

ALL = (PlanetReportsListOperator, PlanetReportsSensor, PlanetReportsToObjectStorageOperator)
SHARED = {*Filters.names(), "planet_reports_conn_id", "destination", "destination_conn_id"}
GIVEN = {
    "org_id": "1", "plan_id": 2, "report_type": "summary", "cadence": "daily",
    "start": "2026-01-01", "end": "2026-01-02", "page_size": 3, "query": {"a": "b"},
    "path": "other/", "planet_reports_conn_id": "mine", "destination": "file:///zone",
    "destination_conn_id": "other",
}  # fmt: skip


@pytest.mark.parametrize("operator", ALL)
def test_shared_parameters_are_templated_and_reach_default_args_and_partial(operator):
    assert set(operator.template_fields) >= SHARED
    assert GIVEN.keys() == SHARED
    with DAG("defaults", schedule=None, default_args=GIVEN):
        made = operator(task_id="made", destination=GIVEN["destination"])
        partial = {name: value for name, value in GIVEN.items() if name != "page_size"}
        mapped = operator.partial(task_id="mapped", **partial).expand(page_size=[3])
    assert {name: getattr(made, name) for name in SHARED} == GIVEN
    assert mapped.partial_kwargs.items() >= partial.items()


@pytest.mark.parametrize("operator", ALL)
@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cadence": "Daily"}, "^cadence='Daily' is not allowed: it must be 'daily' or 'monthly'"),
        ({"report_type": "both"}, "^report_type='both' is not allowed"),
        ({"start": "2026-13-01"}, "^start='2026-13-01' is not a date"),
        (
            {"start": "2026-01-02", "end": "2026-01-01"},
            "^start must not be after end: start=2026-01-02",
        ),
        ({"page_size": 0}, "^page_size=0 is not allowed: it must be a whole number from 1"),
        ({"query": {"start": "x"}, "start": "2026-01-01"}, "is also given as the parameter start"),
        ({"destination": "ftp://host/x"}, "^destination has the unknown scheme 'ftp'"),
    ],
)
def test_what_cannot_be_right_fails_when_the_dag_is_parsed(operator, parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        operator(**{"task_id": "bad", "destination": "file:///zone", **parameters})


def test_what_a_template_or_another_task_will_make_is_not_checked_yet():
    with DAG("templates", schedule=None):

        @task
        def day():
            return "2026-01-01"

        made = PlanetReportsListOperator(
            task_id="list", start=day(), end="{{ ds }}", query={"x": "{{ params.x }}"},
            path="{{ params.path }}", cadence="hourly", destination="{{ params.destination }}",
        )  # fmt: skip
    assert made.upstream_task_ids == {"day"}


@pytest.mark.parametrize("operator", ALL)
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("start", "yesterday", "^start='yesterday' is not a date"),
        ("start", None, "^start='None': check the XCom, param or variable"),
        ("destination", None, "^destination='None': check the XCom"),
        ("destination_conn_id", None, "^destination_conn_id='None': check the XCom"),
    ],
)
def test_templates_are_checked_before_anything_is_asked_or_opened(
    sandbox, tmp_path, operator, field, value, message
):
    destination = tmp_path / "zone"
    made = operator(
        **{"task_id": "made", "destination": destination.as_uri(), field: "{{ params.it }}"}
    )
    made.render_template_fields({"params": {"it": value}})
    with pytest.raises(AirflowFailException, match=message):
        made.execute({})
    assert not sandbox.exchanges
    assert not destination.exists()


def test_the_advice_stands_within_the_first_100_characters():
    made = PlanetReportsListOperator(task_id="list", start="{{ x }}")
    made.start = "None"
    with pytest.raises(InvalidInput) as none:
        rendered_filters(made)
    assert "check the XCom, param or variable" in str(none.value)[:100]


MAPPED = """
from airflow.providers.common.compat.sdk import DAG, task
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator as Land,
)

with DAG("mapped", schedule=None):
    Land.partial(task_id="land", destination={destination!r}).{expansion}
"""


@pytest.fixture
def mapped(sandbox, tmp_path, monkeypatch, airflow_db):
    """Run a mapped task that lands; return its run's state and the ids of landed reports."""

    def run_mapped(expansion):
        destination = (tmp_path / "landing").as_uri()
        source = MAPPED.format(destination=destination, expansion=expansion)
        (dag,) = dags_of(source, tmp_path / "dags", monkeypatch).values()
        state = run(dag).state
        return state, [report["report_id"] for report in landed_reports(destination)]

    return run_mapped


@pytest.mark.parametrize(
    "expansion", ["expand_kwargs([{{'reports': [{0}]}}])", "expand(reports=[{0}])"]
)
def test_what_the_api_said_is_never_rendered(sandbox, mapped, expansion):
    report = {**sandbox.reports[0], "note": "{{ 1 / 0 }}"}
    assert mapped(expansion.format(json.loads(json.dumps(report)))) == (
        "success",
        [report["report_id"]],
    )


@pytest.mark.parametrize(
    "expansion", ["expand(reports=[None])", "expand_kwargs([{'reports':None}])"]
)
def test_a_missing_output_lands_nothing_in_a_mapped_task(mapped, expansion):
    assert mapped(expansion) == ("failed", [])


def test_a_mapped_task_without_reports_lands_what_its_filters_find(sandbox, mapped):
    state, landed = mapped("expand(report_type=['summary', 'detailed'])")
    assert state == "success"
    assert sorted(landed) == sorted(report["report_id"] for report in sandbox.reports)


@pytest.mark.parametrize(
    ("operator", "places"),
    [
        *((operator, {"destination": "file:///zone"}) for operator in ALL),
        (PlanetReportsToWarehouseOperator, {"source": "file:///zone", "warehouse": "duckdb:///w"}),
        (PlanetUsagePageOperator, {"page": "file:///page", "warehouse": "duckdb:///w"}),
    ],
)
def test_a_date_that_a_run_does_not_have_is_told_with_what_to_write(operator, places):
    with DAG("by_hand", schedule=None):
        made = operator(task_id="x", end="{{ ds }}", **places)
    with pytest.raises(AirflowFailException, match=r"^'ds' is undefined: use \{\{ \(logical_date"):
        made.render_template_fields({"dag_run": object()})
