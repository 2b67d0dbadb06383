"""What a session does on real connections: pace, silence, cuts, proxies, logs, ends."""

from __future__ import annotations

import base64
import logging
import socket
import threading
import traceback
from urllib.parse import quote

import pytest
import requests
from hurried import Hurried
from scripted_server import KEY, Answer

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport import rate_limiter
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import PlanetReportsError

BASIC = base64.b64encode(f"{KEY}:".encode()).decode()


FORMS = (KEY, quote(KEY, safe=""), BASIC)


SIGNATURE = "s1gnature"


def the_failure(session, url, **kwargs):
    with pytest.raises(PlanetReportsError) as caught:
        session.get(url, **kwargs)
    return caught.value


def assert_clean(error):
    """Neither the error nor anything that would be logged with it holds a secret."""
    for text in ("".join(traceback.format_exception(error)), repr(error), repr(vars(error))):
        assert not any(secret in text for secret in (*FORMS, SIGNATURE))


def test_a_redirect_with_an_endless_body_does_no_harm(server, session):
    endless = Answer(302, b"x" * 1000, {"Location": "/fine", "Content-Length": str(2**40)})
    endless.stall = True
    server.will(endless, Answer(body={"fine": True}))
    assert session.get(session.base_url).json() == {"fine": True}


def session_once(session):
    """The same session, without further tries."""
    session._max_retries = 0
    return session


#: Turns of 100 seconds, which nobody waits for: what a busy machine takes is little beside them.
TURN = 100
SLOWLY = {"requests_per_second": 1 / TURN}


def turns(count):
    return pytest.approx([TURN * number for number in range(1, count + 1)], abs=TURN / 2)


def test_a_429_slows_all_further_requests_down(server, monkeypatch):
    monkeypatch.setattr(rate_limiter, "_FIRST_CEILING", 1 / TURN)
    monkeypatch.setattr(rate_limiter, "_SLOWEST", 1 / TURN)
    server.will(Answer(429), Answer(body={}))
    with Hurried(KEY, server.origin) as session:
        for _ in range(3):
            session.get(session.base_url)
        assert max(session.waited) > TURN


def test_a_ceiling_is_kept_by_all_threads_together(server):
    with Hurried(KEY, server.origin, **SLOWLY) as session:
        threads = [
            threading.Thread(target=session.get, args=(session.base_url,)) for _ in range(11)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(session.waited) == turns(11)


def test_a_ceiling_is_kept_however_a_link_spells_the_apis_origin(server):
    host, _, port = server.origin.rpartition(":")
    with Hurried(KEY, server.origin, **SLOWLY) as session:
        for origin in (server.origin, f"{host}:0{port}", server.origin.upper()):
            session.get(f"{origin}/a")
        assert session.waited == turns(3)


def test_sessions_that_follow_one_another_keep_a_ceiling_as_one_does(server):
    for _ in range(3):
        with Hurried(KEY, server.origin, **SLOWLY) as session:
            session.get(session.base_url)
            assert session.waited == turns(1)


def test_other_origins_do_not_count_against_the_ceiling(server, elsewhere):
    with Hurried(KEY, server.origin, **SLOWLY) as session:
        for _ in range(3):
            session.get(elsewhere.origin)
        assert session.waited == []


def test_a_connection_that_breaks_is_tried_again(server, session):
    server.will(Answer(0), Answer(body=b"0123456789", cut=4), Answer(body={"fine": True}))
    assert session.get(session.base_url).json() == {"fine": True}
    assert len(server.received) == 3


def test_a_silent_server_times_out(server, session_of):
    session = session_of(server, timeout=0.2, max_retries=1)
    server.will(Answer(body=b"0123456789", cut=4, stall=True))
    error = the_failure(session, session.base_url)
    assert isinstance(error, errors.TransportError)
    assert str(error) == (
        "No complete answer: the server sent nothing in time. A later try may succeed. "
        f"GET {session.base_url}"
    )
    assert len(server.received) == 2


def test_a_timeout_may_be_given_for_one_request(server, session):
    server.will(Answer(body=b"0123456789", cut=4, stall=True))
    assert "nothing in time" in str(the_failure(session_once(session), server.origin, timeout=0.1))


def test_nobody_there_is_said_plainly_without_the_signature(server, session):
    server.close()
    error = the_failure(session_once(session), f"{server.origin}/file?sig={SIGNATURE}")
    assert isinstance(error, errors.TransportError)
    assert str(error).endswith(f"GET {server.origin}/file")
    assert "Connection refused" in str(error)
    assert error.__context__ is error.__cause__ is None
    assert_clean(error)


def test_a_proxy_of_the_environment_is_used(server, elsewhere, session_of, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", elsewhere.origin)
    session = session_of(server)
    session.get("http://files.example/through")
    assert elsewhere.paths == ["http://files.example/through"]


def test_loopback_is_never_asked_through_a_proxy(server, elsewhere, session_of, monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", elsewhere.origin)
    session = session_of(server)
    server.will(Answer(302, headers={"Location": "/there"}), Answer(body={}))
    session.get(f"{server.origin}/here")
    assert server.paths == ["/here", "/there"]
    assert elsewhere.paths == []


def test_neither_key_nor_signature_is_logged_or_shown(server, session, caplog):
    caplog.set_level(logging.DEBUG, logger="airflow_provider_planet_reports")
    server.will(Answer(503), Answer(0), Answer(body={}))
    session.get(f"{server.origin}/file?sig={SIGNATURE}")
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("airflow_prov")
    )
    assert "Server error (503)" in ours
    for text in (ours, repr(session), repr(session.credentials), str(session.adapters)):
        assert not any(secret in text for secret in (*FORMS, SIGNATURE))


@pytest.mark.parametrize("stage", ["before the headers", "in the middle of the body"])
@pytest.mark.parametrize(
    "where", ["here", "after a redirect", "on another server", "through a proxy"]
)
def test_a_task_that_ends_does_not_wait_for_a_silent_server(
    server, elsewhere, session_of, stage, where, monkeypatch
):
    session = session_of(server, timeout=600)
    silent = Answer(body=b"0123456789", cut=4, stall=True)
    silent.silent = stage == "before the headers"
    stalling = server if where == "here" else elsewhere
    stalling.will(silent)
    url = f"{stalling.origin}/file"
    if where == "after a redirect":
        server.will(Answer(302, headers={"Location": url}))
        url = session.base_url
    if where == "through a proxy":
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", stalling.origin)
        url = "http://files.example/file"
    failures = []
    thread = threading.Thread(target=lambda: failures.append(the_failure(session, url)))
    thread.start()
    stalling.stalled.wait(60)
    session.cancel()
    thread.join(60)
    assert isinstance(failures[0], errors.TransportError)
    assert str(failures[0]).startswith("Request cancelled: the task was told to stop. GET")
    assert len(stalling.received) == 1


def test_a_body_that_ends_because_it_is_hung_up_is_not_taken_for_whole(server, session_of):
    session = session_of(server, timeout=600)
    server.will(Answer(body=b"{}", headers={"Content-Length": None}, stall=True))
    failures = []
    thread = threading.Thread(
        target=lambda: failures.append(the_failure(session, session.base_url))
    )
    thread.start()
    server.stalled.wait(60)
    session.cancel()
    thread.join(60)
    assert "told to stop" in str(failures[0])


def test_a_tls_handshake_is_hung_up_too(session):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/"
        failures = []
        thread = threading.Thread(
            target=lambda: failures.append(the_failure(session, url, timeout=600))
        )
        thread.start()
        accepted, _ = mute.accept()
        with accepted:
            assert accepted.recv(1)  # its greeting, that nobody answers
            session.cancel()
            thread.join(60)
    assert "told to stop" in str(failures[0])


def test_all_waiting_is_in_one_place(server):
    with Hurried(KEY, server.origin, requests_per_second=0.001) as session:
        server.will(Answer(503, headers={"Retry-After": "40"}), Answer(body={}))
        assert session.get(session.base_url).status_code == 200
    first_turn, retry, second_turn = session.waited
    assert retry == 40
    assert 0 < first_turn <= 1000 < second_turn <= 2000


@pytest.mark.parametrize("asked", ["3600", "9" * 20])
def test_one_refused_with_a_long_wait_does_not_hold_the_others_for_as_long(server, asked):
    with Hurried(KEY, server.origin) as session:
        server.will(Answer(429, headers={"Retry-After": asked}), Answer(body={}))
        session.get(session.base_url)
        session.get(session.base_url)
    assert 0 < max(session.waited) <= 300


@pytest.mark.parametrize("through", ["the link", "a redirect"])
def test_urllib3_does_not_log_signatures_of_ours_at_any_level(
    server, elsewhere, session, caplog, through
):
    caplog.set_level(logging.DEBUG)
    signed = f"{elsewhere.origin}/file?org_id=7&X-Amz-Signature={SIGNATURE}&{SIGNATURE}"
    # The header without a colon has urllib3 warn, with the address and what it could not parse.
    elsewhere.will(Answer(503), Answer(body=b"x", headers={"Broken header": "x", "Next": signed}))
    server.will(Answer(302, headers={"Location": signed}))
    session.get(signed if through == "the link" else session.base_url)
    said = "\n".join(map(logging.Formatter().format, caplog.records))
    assert f"GET {elsewhere.origin}/file?org_id=7: 200" in said
    assert SIGNATURE not in said


def test_what_others_in_the_process_log_stays_as_it_is(server, session, caplog):
    caplog.set_level(logging.DEBUG)
    session.get(session.base_url)
    requests.get(f"{server.origin}/theirs?token=visible", timeout=5)
    assert "/theirs?token=visible" in caplog.text


@pytest.mark.parametrize(
    "sent",
    [
        b"SSH-2.0 ?sig=s1gnature\r\n\r\n",
        b"HTTP/s1gnature 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns1gnature\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\nX: s1gnature\r\n\r\n",
    ],
)
def test_bytes_of_an_answer_out_of_step_are_not_quoted(sent):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(2**16)
                connection.sendall(sent)

        thread = threading.Thread(target=serve)
        thread.start()
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with ReportsSession(KEY, origin, timeout=60, max_retries=0) as session:
            error = the_failure(session, origin)
        thread.join()
    assert_clean(error)
