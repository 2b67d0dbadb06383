from __future__ import annotations

import pytest

from airflow_provider_planet_reports.connections import ConnectionNotFound, connection
from airflow_provider_planet_reports.errors import InvalidInput


def test_a_connection_is_returned(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "planet-reports://:key@")
    assert connection("mine", "the Reports API").password == "key"


def test_one_that_is_not_found_is_worth_a_retry_since_a_secrets_backend_may_be_away():
    with pytest.raises(ConnectionNotFound) as error:
        connection("mine", "the Reports API")
    assert not error.value.final
    message = str(error.value)
    assert message.startswith("Connection 'mine' not found: create it, or check that the secrets")
    assert message.endswith("It is for the Reports API.")


@pytest.mark.parametrize("value", ["{broken", "planet-reports://:key@host:no-port/"])
def test_one_that_cannot_be_read_is_said_without_its_secrets(monkeypatch, value):
    monkeypatch.setenv("AIRFLOW_CONN_MINE", value)
    with pytest.raises(InvalidInput) as error:
        connection("mine", "the Reports API")
    message = str(error.value)
    assert message.startswith("AIRFLOW_CONN_MINE cannot be read: write it as JSON, or percent-enc")
    assert "https%3A%2F%2Fexample.com" in message
    assert ":key" not in message
    assert error.value.__suppress_context__
