from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)


def listed(**parameters):
    return PlanetReportsListOperator(task_id="list", **parameters).execute({})


def test_it_returns_the_apis_own_objects_as_plain_json(sandbox):
    reports = listed()
    assert reports == sandbox.reports
    assert json.loads(json.dumps(reports)) == reports


def test_it_passes_every_filter_on(sandbox):
    day = sandbox.reports[0]["data_date_start"]
    reports = listed(
        org_id="4321", plan_id=1001, report_type="detailed", cadence="daily", start=day, end=day
    )
    assert [report["report_type"] for report in reports] == ["detailed"]
    asked = sandbox.exchanges[0][1]
    for parameter in ("org_id=4321", "plan_id=1001", f"start={day}", f"end={day}"):
        assert parameter in asked


def test_with_a_destination_it_returns_only_what_is_not_landed_there(sandbox, ground):
    some = sandbox.reports[:2]
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=ground.url, reports=some
    ).execute({})
    assert listed(destination=ground.url) == sandbox.reports[2:]


def test_every_filter_is_templated():
    for operator in (PlanetReportsListOperator, PlanetReportsToObjectStorageOperator):
        assert {*Filters.names(), "destination", "destination_conn_id"} <= {
            *operator.template_fields
        }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"report_type": "both"}, "report_type='both' is not allowed: it must be 'detailed' or"),
        ({"cadence": "weekly"}, "cadence='weekly' is not allowed: it must be 'daily' or 'monthly'"),
        ({"start": "2026-02-30"}, "start='2026-02-30' is not a date"),
        ({"end": "yesterday"}, "end='yesterday' is not a date"),
        ({"page_size": 0}, "page_size=0 is not allowed: it must be a whole number from 1"),
        ({"page_size": "many"}, "page_size='many' is not allowed"),
        ({"destination": "ftp://host/x"}, "unknown scheme 'ftp'"),
    ],
)
def test_bad_input_fails_before_any_request(sandbox, parameters, message):
    with pytest.raises(AirflowFailException, match=message):
        listed(**parameters)
    assert not sandbox.exchanges
