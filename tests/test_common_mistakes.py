"""The commonest mistakes: the task says what to do where Airflow's log page still shows it."""

from __future__ import annotations

import json
import sys
import traceback

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowException
from common_mistakes import MISTAKES, SHOWN

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)


@pytest.mark.parametrize("name", MISTAKES)
def test_the_advice_is_shown_in_one_line_below_one_traceback(
    sandbox, monkeypatch, tmp_path, request, name
):
    mistake = MISTAKES[name]
    connection = mistake.connection_to(sandbox.base_url, sandbox.key)
    monkeypatch.setenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT", json.dumps(connection))
    if "moto" in str(mistake.parameters):
        server = request.getfixturevalue("moto")
        monkeypatch.setenv("AIRFLOW_CONN_MOTO", json.dumps(server.connection))
    if name == "missing_extra":
        amazon = "airflow_provider_planet_reports.landing.stores.amazon"
        monkeypatch.setitem(sys.modules, amazon, None)
    destination = (tmp_path / "zone").as_uri()
    with pytest.raises(AirflowException) as failure:
        with DAG("common_mistakes", schedule=None):
            land = PlanetReportsToObjectStorageOperator(
                **{"task_id": "land", "destination": destination, **mistake.parameters}
            )
        land.render_template_fields({})
        land.execute({})
    message = str(failure.value)
    assert mistake.advice in message[:SHOWN]
    assert "\n" not in message
    shown = "".join(traceback.format_exception(failure.value))
    assert shown.count("Traceback (most recent call last)") == 1
    assert "_reports/client/" not in shown.replace(message, "")
