"""OAuth2 through Planet's SDK, with a token server of the tests' own."""

from __future__ import annotations

import logging
import threading
import time
import traceback

import pytest
from token_server import CLIENT_ID, CLIENT_SECRET, TokenServer

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport import oauth2 as module
from airflow_provider_planet_reports.client.transport.auth import bearer_token
from airflow_provider_planet_reports.client.transport.oauth2 import OAuth2
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

builtins = pytest.importorskip("planet.auth_builtins")


@pytest.fixture
def tokens(monkeypatch):
    """The token server that the SDK takes for Planet's."""
    with TokenServer().serve() as server:
        m2m = builtins._OIDC_AUTH_CLIENT_CONFIG__M2M_SKEL
        monkeypatch.setitem(m2m, "auth_server", server.origin)
        yield server


@pytest.fixture
def session_with(server):
    def make(credentials, **settings):
        return ReportsSession(credentials, f"{server.origin}/reports/v1", **settings)

    return make


def sent(server):
    return [request.headers.get("authorization") for request in server.received]


def assert_clean(*texts):
    for text in texts:
        assert [each for each in ("s3cret-canary", "t0ken-canary") if each in text] == []


def the_failure(session):
    with pytest.raises(PlanetReportsError) as caught:
        session.get(session.base_url)
    assert_clean("".join(traceback.format_exception(caught.value)), repr(vars(caught.value)))
    return caught.value


def test_a_token_is_fetched_once_for_all_requests_and_threads(tokens, server, session_with):
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET)) as session:
        threads = [threading.Thread(target=session.get, args=(session.base_url,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sent(server) == ["Bearer t0ken-canary-1"] * 8
    (form,) = tokens.asked
    assert form["grant_type"] == ["client_credentials"]
    assert form["client_id"] == [CLIENT_ID]


def test_a_token_goes_to_the_apis_origin_alone(tokens, server, elsewhere, session_with):
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET)) as session:
        session.get(f"{elsewhere.origin}/file")
    assert sent(elsewhere) == [None]


def test_a_token_is_renewed_when_three_quarters_of_its_time_are_over(
    tokens, server, session_with, monkeypatch
):
    now = time.time()
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET)) as session:
        for later in (0, 2600, 2800):
            monkeypatch.setattr(module.time, "time", lambda later=later: now + later)
            session.get(session.base_url)
    assert sent(server)[1:] == ["Bearer t0ken-canary-1", "Bearer t0ken-canary-2"]


def test_a_token_that_cannot_be_renewed_is_a_transient_error(
    tokens, server, session_with, monkeypatch
):
    now = time.time()
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET), max_retries=0) as session:
        session.get(session.base_url)
        tokens.refusals = [(503, {"error": f"down {CLIENT_SECRET}"}, {})]
        monkeypatch.setattr(module.time, "time", lambda: now + 3000)
        assert isinstance(the_failure(session), errors.TransientError)
        session.get(session.base_url)
    assert sent(server) == ["Bearer t0ken-canary-1", "Bearer t0ken-canary-3"]


def test_a_token_that_the_api_rejects_is_not_used_again(tokens, server, session_with):
    from scripted_server import Answer

    server.will(Answer(401), Answer(body={}))
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET)) as session:
        assert session.get(session.base_url).status_code == 401
        assert session.get(session.base_url).status_code == 200
    assert sent(server) == ["Bearer t0ken-canary-1", "Bearer t0ken-canary-2"]


def test_a_wrong_secret_is_final_and_says_where_to_look(tokens, server, session_with):
    with session_with(OAuth2(CLIENT_ID, "s3cret-canary-wrong")) as session:
        error = the_failure(session)
    assert isinstance(error, errors.Refused)
    assert error.final
    assert str(error).startswith(
        "Client id or secret rejected (401): check the connection's login and password"
    )
    assert len(tokens.asked) == 1
    assert server.received == []


def test_a_token_server_that_limits_requests_is_obeyed(tokens, server, session_with):
    tokens.refusals = [(429, {"error": "slow down"}, {"Retry-After": "200000"})]
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET)) as session:
        error = the_failure(session)
    assert isinstance(error, errors.TransientError)
    assert error.retry_after == 3600
    assert len(tokens.asked) == 1


def test_a_token_server_in_trouble_is_asked_again(tokens, server, session_with):
    tokens.refusals = [(500, {}, {})]
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET)) as session:
        session.get(session.base_url)
    assert sent(server) == ["Bearer t0ken-canary-2"]


@pytest.mark.parametrize("ended", ["by its deadline", "with the task"])
def test_nobody_waits_for_ever_for_a_token(tokens, server, session_with, monkeypatch, ended):
    tokens.hold.clear()
    monkeypatch.setattr(module, "_DEADLINE", 0.2 if ended == "by its deadline" else 600)
    with session_with(OAuth2(CLIENT_ID, CLIENT_SECRET), max_retries=0) as session:
        if ended == "with the task":
            threading.Timer(0.1, session.cancel).start()
        error = the_failure(session)
    assert isinstance(error, errors.TransportError)
    said = "No token (nothing within 0.2 s)" if ended == "by its deadline" else "told to stop"
    assert said in str(error)


def test_neither_secret_nor_token_is_logged_or_shown(tokens, server, session_with, caplog):
    from scripted_server import Answer

    caplog.set_level(logging.DEBUG)
    echo = f"Bearer {tokens.token(1)} is not for you, {CLIENT_SECRET}"
    server.will(Answer(403, {"message": echo}))
    credentials = OAuth2(CLIENT_ID, CLIENT_SECRET)
    with session_with(credentials) as session:
        answer = session.get(session.base_url)
        with pytest.raises(errors.Refused, match=r"Bearer \*\*\* is not for you") as caught:
            session.raise_for_status(answer)
    assert_clean(caplog.text, str(caught.value), repr(session), repr(credentials))


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "planet.auth", None)
    with pytest.raises(InvalidInput, match=r"pip install .*\[oauth2\]"):
        OAuth2(CLIENT_ID, CLIENT_SECRET)


def test_a_ready_token_is_sent_as_it_is(server, session_with):
    with session_with(bearer_token("t0ken-canary-ready")) as session:
        session.get(session.base_url)
    assert sent(server) == ["Bearer t0ken-canary-ready"]
