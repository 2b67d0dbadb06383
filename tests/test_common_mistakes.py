"""The commonest mistakes: the task says what to do where Airflow's log page still shows it."""

from __future__ import annotations

import json
import traceback

import pytest
from airflow.providers.common.compat.sdk import AirflowException
from surroundings import connect

from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

#: What a page 1,400 pixels wide shows of a message.
SHOWN = 100
#: By mistake: the connection's fields, the task's parameters, and advice that has to be shown.
MISTAKES = {
    "wrong key": ({"login": "wrong-key"}, {}, "check the connection's password"),
    "a member's key": ({"login": MEMBER_KEY}, {}, "organization administrator"),
    "two fields": ({"password": "other"}, {}, "set only one of login and password"),
    "no key": ({"login": ""}, {}, "put it into the password"),
    "an AWS connection": (
        {"conn_type": "aws", "login": "AKIAEXAMPLE", "password": "secret", "host": ""},
        {},
        "name one of type 'planet_reports'",
    ),
    "http": ({"host": "http://api.example/reports/v1"}, {}, "use https://"),
    "wrong host": ({"host": "{base}/elsewhere"}, {}, "check the connection's host"),
    "wrong bucket": ({}, {"destination": "s3://moto@no-such-bucket/x"}, "bucket"),
    "unknown connection": ({}, {"planet_reports_conn_id": "nowhere"}, "not found: create it"),
    "no connection of the destination": (
        {},
        {"destination": "s3://nowhere@b/x"},
        "not found: create it",
    ),
    "wrong organization": ({}, {"org_id": 999}, "an org_id that this"),
    "start after end": ({}, {"start": "{{ '2026-02-02' }}", "end": "2026-01-01"}, "must not be la"),
    "a time in start": ({}, {"start": "{{ '2026-02-02T00:00' }}"}, "must be a date or text like"),
    "None from a template": ({}, {"start": "{{ none }}"}, "Check the XCom, param or variable"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_advice_is_shown_in_one_line_below_one_traceback(
    sandbox, monkeypatch, tmp_path, request, mistake
):
    connection, parameters, advice = MISTAKES[mistake]
    host = connection.get("host", sandbox.base_url).replace("{base}", sandbox.base_url)
    fields = {"login": sandbox.key, **connection, "host": host, "extra": {"max_retries": 0}}
    connect(monkeypatch, fields.pop("login"), fields.pop("host"), **fields)
    if "moto" in str(parameters):
        server = request.getfixturevalue("moto")
        monkeypatch.setenv("AIRFLOW_CONN_MOTO", json.dumps(server.connection))
    destination = (tmp_path / "zone").as_uri()
    with pytest.raises(AirflowException) as failure:
        land = PlanetReportsToObjectStorageOperator(
            **{"task_id": "land", "destination": destination, **parameters}
        )
        land.render_template_fields({})
        land.execute({})
    message = str(failure.value)
    assert advice in message[:SHOWN]
    assert "\n" not in message
    shown = "".join(traceback.format_exception(failure.value))
    assert shown.count("Traceback (most recent call last)") == 1
    assert "_reports/client/" not in shown.replace(message, "")
