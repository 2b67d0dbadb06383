from __future__ import annotations

import base64
import datetime as dt
import json
from itertools import islice
from urllib.parse import quote

import pytest
import requests
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, redact
from hostile import SIGNATURE, HostileSandbox
from surroundings import connect

from airflow_provider_planet_reports.airflow_side import connection_form
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY


def test_it_lists_what_the_api_has(sandbox):
    listed = list(PlanetReportsHook().list_reports())
    assert [report.to_dict() for report in listed] == sandbox.reports


def test_it_gets_one_report(sandbox):
    wanted = sandbox.reports[3]
    assert PlanetReportsHook().get_report(wanted["report_id"]).to_dict() == wanted


def test_ten_thousand_reports_are_listed_lazily_in_large_pages(monkeypatch):
    sandbox = Sandbox(days=2500, plans=(1, 2))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        listing = PlanetReportsHook().list_reports()
        assert not sandbox.exchanges
        first = list(islice(listing, 1000))
        assert len(sandbox.exchanges) == 1
        rest = list(listing)
    ids = [report.report_id for report in first + rest]
    assert ids == [report["report_id"] for report in sandbox.reports]
    assert len(ids) > 10_000
    assert len(sandbox.exchanges) == -(-len(ids) // 1000)


def test_filters_are_checked_before_the_listing_is_begun(sandbox):
    with pytest.raises(
        AirflowFailException, match=r"start must not be after end: start=2026-02-02, end=2026-02-01"
    ):
        PlanetReportsHook().list_reports(start="2026-02-02", end="2026-02-01")
    assert not sandbox.exchanges


def test_the_connections_organization_is_asked_for_as_it_is_written(sandbox, monkeypatch):
    connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"org_id": "004321"})
    list(PlanetReportsHook().list_reports())
    list(PlanetReportsHook().list_reports(org_id="4321"))
    list(PlanetReportsHook().list_reports(query={"org_id": "04321"}))
    asked = [path for _, path, _ in sandbox.exchanges]
    assert ["org_id=004321" in asked[0], "org_id=4321" in asked[1], "org_id=04321" in asked[2]] == [
        True
    ] * 3


@pytest.mark.parametrize("fields", [{"login": "the-key"}, {"password": "the-key"}])
def test_the_key_goes_as_user_name_with_an_empty_password(sandbox, monkeypatch, fields):
    sandbox.key = "the-key"
    connection = {"conn_type": "planet_reports", "host": sandbox.base_url, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT", json.dumps(connection))
    session = PlanetReportsHook().get_conn()
    assert isinstance(session, requests.Session)
    sent = session.get(sandbox.base_url).request.headers["Authorization"]
    assert sent == "Basic " + base64.b64encode(b"the-key:").decode()


def test_the_session_does_not_take_the_key_to_another_server(sandbox):
    with Sandbox(days=1).serve() as elsewhere:
        answer = PlanetReportsHook().get_conn().get(elsewhere)
    assert "Authorization" not in answer.request.headers
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"login": ""}, "put the API key into the password"),
        ({"login": "a", "password": "b"}, "set only one of login and password, to the API key"),
        ({"login": "a:b"}, "The API key has characters that no key has"),
        ({"host": "api.planet.com"}, "is not an http"),
        ({"host": "http://api.planet.com/"}, "leads to an unencrypted address: use https"),
        ({"host": "https://me:secret@api.planet.com/"}, "has credentials in it"),
        ({"extra": {"timeout": "soon"}}, r"extra timeout='soon' is not allowed"),
        ({"extra": {"timeout": 0}}, "it must be a number greater than 0"),
        ({"extra": {"max_retries": -1}}, "it must be a number from 0"),
        ({"extra": {"requests_per_second": True}}, "requests_per_second=True is not allowed"),
    ],
)
def test_a_connection_that_cannot_be_right_fails_at_once(sandbox, monkeypatch, fields, message):
    connect(monkeypatch, **{"key": sandbox.key, "host": sandbox.base_url, **fields})
    with pytest.raises(AirflowFailException, match=message) as caught:
        PlanetReportsHook().list_reports()
    assert "secret" not in str(caught.value)
    assert not sandbox.exchanges


@pytest.mark.parametrize(
    ("extra", "login", "password", "message"),
    [
        ({"auth": "basic"}, "", "x", r"extra auth='basic' is not allowed: it must be one of 'api_"),
        ({"auth": "bearer"}, "x", "", "put the token into the password"),
        ({"auth": "bearer"}, "", "", "put the token into the password"),
        ({"auth": "oauth2"}, "", "x", "put the OAuth2 client id into the login"),
        ({"verify": "/nowhere.pem"}, "", "x", r"extra verify='/nowhere\.pem' is not allowed"),
        ({"deadline": -1}, "", "x", "extra deadline=-1 is not allowed"),
    ],
)
def test_a_way_to_authenticate_needs_its_fields(monkeypatch, extra, login, password, message):
    connect(monkeypatch, login, "https://api.example/", password=password, extra=extra)
    with pytest.raises(AirflowFailException, match=message):
        PlanetReportsHook().get_conn()


def test_a_bearer_token_is_sent_and_masked(monkeypatch, requests_mock):
    requests_mock.get("https://api.example/", json={})
    settings = {"password": "a-ready-token", "extra": {"auth": "bearer"}}
    connect(monkeypatch, "", "https://api.example/", **settings)
    answer = PlanetReportsHook().get_conn().get("https://api.example/")
    assert answer.request.headers["Authorization"] == "Bearer a-ready-token"
    assert "a-ready-token" not in redact("it is a-ready-token")


def test_a_client_id_and_its_secret_go_to_planets_sdk(monkeypatch):
    pytest.importorskip("planet")
    settings = {"password": "a-client-secret", "extra": {"auth": "oauth2"}}
    connect(monkeypatch, "a-client-id", "https://api.example/", **settings)
    first, second = (PlanetReportsHook().get_conn() for _ in range(2))
    assert first.credentials is second.credentials  # one token for all polls of a triggerer
    assert "a-client-secret" not in redact("it is a-client-secret")


def test_an_unknown_extra_is_named_with_the_nearest_known_one(sandbox, monkeypatch, caplog):
    connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"time_out": 3, "verify": "true"})
    PlanetReportsHook().get_conn()
    assert "extra 'time_out' is unknown and not used (did you mean 'timeout'?)" in caplog.text
    assert "Known are auth, org_id, timeout, deadline," in caplog.text


def test_it_lists_the_accounts_products_and_gives_the_specification(monkeypatch):
    sandbox = Sandbox(days=1, plans=(1, 2, 3))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        assert [each["id"] for each in PlanetReportsHook().list_products()] == [9001, 9002, 9003]
        assert "/{report_id}" in PlanetReportsHook().api_spec()["paths"]


def test_an_entry_that_makes_no_sense_is_told_to_the_caller(sandbox, monkeypatch, requests_mock):
    requests_mock.get(f"{sandbox.base_url}/", json={"reports": [{}, {"report_id": "a"}]})
    told = []
    reports = PlanetReportsHook().list_reports(on_bad_entry=told.append)
    assert [report.report_id for report in reports] == ["a"]
    assert len(told) == 1


def test_monthly_reports_that_are_never_made_are_warned_of(sandbox, caplog):
    PlanetReportsHook().list_reports(path="pv", report_type="pv_detailed", cadence="monthly")
    assert "No monthly pv_detailed reports are ever made" in caplog.text


def test_what_is_handed_on_of_a_listing_opens_no_file(monkeypatch):
    sandbox = HostileSandbox(days=2, plans=(1,), signed_links=True, rate=0)
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        listed = PlanetReportsListOperator(task_id="list").execute({})
        assert SIGNATURE in json.dumps(
            [each.to_dict() for each in PlanetReportsHook().list_reports()]
        )
    assert len(listed) > 3
    assert SIGNATURE not in json.dumps(listed)


@pytest.mark.parametrize("form", ["uri", "json"])
def test_a_connection_may_be_written_in_every_form_that_airflow_knows(sandbox, monkeypatch, form):
    sandbox.key = "a/key+of=signs"
    written = {
        "uri": f"planet-reports://:{quote(sandbox.key, safe='')}@{quote(sandbox.base_url, safe='')}"
        "/?org_id=004321&timeout=7",
        "json": json.dumps(
            {
                "conn_type": "planet_reports", "password": sandbox.key, "host": sandbox.base_url,
                "extra": {"org_id": "004321", "timeout": 7},
            }
        ),
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT", written[form])
    assert len(list(PlanetReportsHook().list_reports())) == len(sandbox.reports)
    assert "org_id=004321" in sandbox.exchanges[0][1]


def test_a_connection_that_does_not_exist_is_named():
    with pytest.raises(PlanetReportsTaskError, match="Connection 'nowhere' not found: create it"):
        PlanetReportsHook("nowhere").list_reports()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (
            "wrong-key",
            r"^API key or token rejected \(401\): check the connection's password",
        ),
        (MEMBER_KEY, r"^Forbidden \(403\): use an organization administrator's key"),
    ],
)
def test_a_refusal_fails_without_retries_and_says_what_to_do(sandbox, monkeypatch, key, message):
    connect(monkeypatch, key, sandbox.base_url)
    with pytest.raises(PlanetReportsTaskFailure, match=message) as caught:
        next(PlanetReportsHook().list_reports())
    assert isinstance(caught.value, AirflowFailException)
    assert isinstance(caught.value, PlanetReportsError)
    assert key not in str(caught.value)
    assert len(sandbox.exchanges) == 1


def test_trouble_that_outlasts_all_tries_is_left_to_airflows_retries(monkeypatch):
    connect(monkeypatch, "key", "http://127.0.0.1:9/", extra={"max_retries": 0})
    with pytest.raises(
        PlanetReportsTaskError, match=r"^No complete answer: .* GET http://127\.0\.0\.1:9/"
    ) as caught:
        next(PlanetReportsHook().list_reports())
    assert isinstance(caught.value, AirflowException)
    assert not isinstance(caught.value, AirflowFailException)


def many_reports():
    """As many as no page shows."""
    return made_up_reports(
        seed=7, org_id=4321, plans=(1,), days=60, last_day=dt.date(2026, 1, 1), part_bytes=0
    )


def test_the_test_button_explains_success_and_refusal(sandbox, monkeypatch):
    assert PlanetReportsHook().test_connection() == (
        True,
        f"The credentials are accepted; organization 4321 has reports ({len(sandbox.reports)}).",
    )
    sandbox.publish(*many_reports())
    assert PlanetReportsHook().test_connection()[1].endswith("has reports (50 or more).")
    assert len(sandbox.exchanges) == 2
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    works, why = PlanetReportsHook().test_connection()
    assert not works
    assert "organization administrator" in why


def test_the_key_is_masked_in_airflows_logs_and_absent_from_reprs(sandbox):
    hook = PlanetReportsHook()
    session = hook.get_conn()
    basic = base64.b64encode(f"{sandbox.key}:".encode()).decode()
    masked = redact(f"login {sandbox.key}, header {basic}")
    for secret in (sandbox.key, basic):
        assert secret not in masked
        assert secret not in f"{hook!r} {session!r} {hook.__dict__!r} {session.credentials!r}"


def test_the_form_is_the_same_on_every_version_of_airflow():
    behaviour = PlanetReportsHook.get_ui_field_behaviour()
    newer = connection_form.provider_info_form()
    # The field that Airflow encrypts comes first, and is the one for the key.
    assert next(iter(behaviour["relabeling"])) == "password"
    assert behaviour["relabeling"]["password"] == "API key (encrypted)"
    assert newer["ui-field-behaviour"] == {
        name.replace("_", "-"): value for name, value in behaviour.items()
    }
    assert set(newer["conn-fields"]) == {
        "auth", "deadline", "max_retries", "org_id", "requests_per_second", "timeout", "verify",
    }  # fmt: skip
