from __future__ import annotations

import base64
import datetime as dt
import logging
import platform
import socket
import threading
import time
import traceback
from email.utils import format_datetime
from urllib.parse import quote

import pytest
import requests
from scripted_server import KEY, Answer

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport import session as module
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
FORMS = (KEY, quote(KEY, safe=""), BASIC)
SIGNATURE = "s1gnature"
TRANSIENT = [408, 425, 429, 500, 502, 503, 504]


def the_failure(session, url, **kwargs):
    with pytest.raises(PlanetReportsError) as caught:
        session.get(url, **kwargs)
    return caught.value


def assert_clean(error):
    """Neither the error nor anything that would be logged with it holds a secret."""
    for text in ("".join(traceback.format_exception(error)), repr(error), repr(vars(error))):
        assert not any(secret in text for secret in (*FORMS, SIGNATURE))


def test_the_key_is_the_user_name_and_the_password_is_empty(server, session):
    session.get(session.base_url)
    assert server.received[0].headers["authorization"] == f"Basic {BASIC}"


def test_a_request_says_who_asks_and_wants_the_bytes_as_they_are(server, session):
    session.get(session.base_url)
    headers = server.received[0].headers
    assert headers["user-agent"] == (
        f"airflow-provider-planet-reports/{__version__} python/{platform.python_version()}"
    )
    assert headers["x-planet-app"] == "airflow-provider-planet-reports"
    assert headers["accept-encoding"] == "identity"


def test_the_key_goes_to_no_other_origin(server, elsewhere, session):
    session.get(f"{elsewhere.origin}/file")
    session.get(f"{elsewhere.origin}/file", headers={"Authorization": f"Basic {BASIC}"})
    localhost = server.origin.replace("127.0.0.1", "localhost")
    session.get(f"{localhost}/file")
    assert len(elsewhere.received) == 2
    for request in (*elsewhere.received, *server.received):
        assert "authorization" not in request.headers


def test_a_redirect_does_not_take_the_key_along(server, elsewhere, session):
    server.will(Answer(302, headers={"Location": f"{elsewhere.origin}/signed?sig=1"}))
    assert session.get(session.base_url).status_code == 200
    assert "authorization" not in elsewhere.received[0].headers


def test_a_redirect_that_comes_back_brings_the_key_again(server, elsewhere, session):
    server.will(Answer(302, headers={"Location": f"{elsewhere.origin}/"}), Answer(body={}))
    elsewhere.will(Answer(302, headers={"Location": f"{server.origin}/back"}))
    session.get(session.base_url)
    assert server.received[1].headers["authorization"] == f"Basic {BASIC}"


@pytest.mark.parametrize(
    ("asked", "location", "landed_at"),
    [
        ("/a?x=1", "/a/", "/a/?x=1"),
        ("/a/?x=1", "/a", "/a?x=1"),
        ("/a?x=1", "/a/?y=2", "/a/?y=2"),
        ("/a?x=1", "/b/", "/b/"),
    ],
)
def test_a_redirect_about_the_last_slash_does_not_lose_the_filters(
    server, session, asked, location, landed_at
):
    server.will(Answer(301, headers={"Location": location}), Answer(body={}))
    session.get(server.origin + asked)
    assert server.paths == [asked, landed_at]


@pytest.mark.parametrize("target", ["http://files.example/?sig=s1gnature", "ftp://x/?s1gnature"])
def test_a_redirect_to_unencrypted_or_strange_ground_is_refused_at_once(server, session, target):
    server.will(Answer(302, headers={"Location": target}))
    error = the_failure(session, session.base_url)
    assert isinstance(error, errors.RefusedLink)
    assert len(server.received) == 1
    assert_clean(error)


def test_redirects_in_a_circle_end(server, session):
    server.will(Answer(302, headers={"Location": "/round"}))
    error = the_failure(session, session.base_url)
    assert "Redirected more than 10 times" in str(error)
    assert len(server.received) == 1 + 10  # it is not gone round again


def test_a_redirect_with_an_endless_body_does_no_harm(server, session):
    endless = Answer(302, b"x" * 1000, {"Location": "/fine", "Content-Length": str(2**40)})
    endless.stall = True
    server.will(endless, Answer(body={"fine": True}))
    assert session.get(session.base_url).json() == {"fine": True}


def session_once(session):
    """The same session, without further tries."""
    session._max_retries = 0
    return session


@pytest.mark.parametrize("status", TRANSIENT)
def test_passing_trouble_is_outlasted(server, session, status):
    server.will(Answer(status), Answer(status), Answer(body={"fine": True}))
    assert session.get(session.base_url).json() == {"fine": True}
    assert len(server.received) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 501])
def test_a_refusal_is_not_asked_again(server, session, status):
    server.will(Answer(status))
    assert session.get(session.base_url).status_code == status
    assert len(server.received) == 1


def test_trouble_that_stays_is_reported_after_all_tries(server, session):
    server.will(Answer(503, b'{"message": "Maintenance."}'))
    answer = session.get(session.base_url)
    assert len(server.received) == 4
    with pytest.raises(errors.TransientError, match=r"Server error \(503\): .*'Maintenance\.'"):
        session.raise_for_status(answer)


def test_a_request_with_side_effects_is_sent_once(server, session):
    server.will(Answer(503))
    session.post(session.base_url, data=b"x")
    server.will(Answer(0))
    with pytest.raises(errors.TransportError):
        session.post(session.base_url, data=b"x")
    assert len(server.received) == 2


def test_retry_after_is_waited_for(server, session):
    server.will(Answer(429, headers={"Retry-After": "1"}), Answer(body={}))
    session.get(session.base_url)
    assert server.received[1].when - server.received[0].when >= 0.99


def test_a_server_that_asks_for_too_long_a_wait_is_met_again_by_a_later_task(server, session):
    later = format_datetime(dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1), usegmt=True)
    server.will(Answer(429, headers={"Retry-After": later}))
    with pytest.raises(errors.TransientError, match=r"asks to wait 3[56]\d\d s") as caught:
        session.raise_for_status(session.get(session.base_url))
    assert caught.value.retry_after == pytest.approx(3600, abs=30)
    assert len(server.received) == 1


def test_a_429_slows_all_further_requests_down(server, session):
    server.will(Answer(429), Answer(body={}))
    for _ in range(4):
        session.get(session.base_url)
    first, last = server.received[1], server.received[-1]
    assert last.when - first.when >= 0.25  # three requests at about ten per second


def test_a_ceiling_is_kept_by_all_threads_together(server, session_of):
    session = session_of(server, requests_per_second=20)
    threads = [threading.Thread(target=session.get, args=(session.base_url,)) for _ in range(11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(request.when for request in server.received)
    assert times[-1] - times[0] >= 0.45


def test_sessions_that_follow_one_another_keep_a_ceiling_as_one_does(server, session_of):
    for _ in range(5):
        session = session_of(server, requests_per_second=20)
        session.get(session.base_url)
    times = [request.when for request in server.received]
    assert times[-1] - times[0] >= 0.2


def test_the_api_is_paced_however_a_link_spells_its_origin():
    with ReportsSession(KEY) as session:
        api, *spelt_otherwise = [
            session.get_adapter(f"https://api.planet.com{port}/reports/v1/")
            for port in ("", ":443", ":0443")
        ]
        assert all(adapter is api for adapter in spelt_otherwise)
        assert session.get_adapter("https://api.planet.com:8443/reports/v1/") is not api


def test_other_origins_do_not_count_against_the_ceiling(server, elsewhere, session_of):
    session = session_of(server, requests_per_second=0.1)
    begun = time.monotonic()
    for _ in range(3):
        session.get(elsewhere.origin)
    assert time.monotonic() - begun < 5


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


def test_an_address_that_is_none_is_bad_input(session):
    error = the_failure(session, "https://:0/x?sig=s1gnature")
    assert isinstance(error, InvalidInput)
    assert_clean(error)


def test_an_answer_that_is_no_file_has_a_limit(server, session, monkeypatch):
    monkeypatch.setattr(module, "_ANSWER_LIMIT", 2**20)
    server.will(Answer(body=b"x" * (2**20 + 1), headers={"Content-Length": None}))
    error = the_failure(session, session.base_url)
    assert "Answer of more than 1 MiB" in str(error)
    assert len(server.received) == 1


def test_a_streamed_answer_is_left_unread(server, session, monkeypatch):
    monkeypatch.setattr(module, "_ANSWER_LIMIT", 10)
    server.will(Answer(body=b"x" * 1000))
    with session.get(session.base_url, stream=True) as answer:
        assert len(answer.raw.read()) == 1000


def test_a_netrc_is_not_taken_for_the_key(server, elsewhere, session, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session.get(session.base_url)
    session.get(elsewhere.origin)
    assert server.received[0].headers["authorization"] == f"Basic {BASIC}"
    assert "authorization" not in elsewhere.received[0].headers


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


def test_an_echoed_key_is_not_repeated(server, session):
    echo = {"message": f"No such key: {KEY}, {quote(KEY, safe='')}, {BASIC}"}
    server.will(Answer(401, echo))
    answer = session.get(session.base_url)
    with pytest.raises(
        errors.InvalidAPIKey, match=r"No such key: \*\*\*, \*\*\*, \*\*\*"
    ) as caught:
        session.raise_for_status(answer)
    assert_clean(caught.value)


def test_neither_key_nor_signature_is_logged_or_shown(server, session, caplog):
    caplog.set_level(logging.DEBUG, logger="airflow_provider_planet_reports")
    server.will(Answer(503), Answer(0), Answer(body={}))
    session.get(f"{server.origin}/file?sig={SIGNATURE}")
    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith("airflow_prov")
    )
    assert "answered 503; trying again" in ours
    for text in (ours, repr(session), repr(session.auth), str(session.adapters)):
        assert not any(secret in text for secret in (*FORMS, SIGNATURE))


def test_a_task_that_ends_does_not_wait_for_further_tries(server, session_of, caplog):
    session = session_of(server, max_retries=10)
    server.will(Answer(503, headers={"Retry-After": "200"}))
    answers = []
    thread = threading.Thread(target=lambda: answers.append(session.get(session.base_url)))
    thread.start()
    while "trying again in" not in caplog.text:
        time.sleep(0.01)
    session.cancel()
    thread.join(5)
    assert [answer.status_code for answer in answers] == [503]
    assert len(server.received) == 1


@pytest.mark.parametrize("wrong", ["", "  ", None])
def test_an_empty_key_is_bad_input(wrong):
    with pytest.raises(InvalidInput, match="The API key is empty"):
        ReportsSession(wrong)


@pytest.mark.parametrize("wrong", ["s3cret:x", "s3cret x", "s3crét", "s3cret\n"])
def test_a_key_that_cannot_be_one_is_not_repeated(wrong):
    with pytest.raises(InvalidInput, match="has characters that no key has") as caught:
        ReportsSession(wrong)
    assert "s3cr" not in str(caught.value)


@pytest.mark.parametrize("stage", ["before the headers", "in the middle of the body"])
@pytest.mark.parametrize("where", ["here", "after a redirect", "on another server"])
def test_a_task_that_ends_does_not_wait_for_a_silent_server(
    server, elsewhere, session_of, stage, where
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


def test_after_the_end_nothing_is_sent(server, session):
    session.get(session.base_url)
    session.cancel()
    error = the_failure(session, session.base_url)
    assert isinstance(error, errors.TransportError)
    assert "told to stop" in str(error)
    assert len(server.received) == 1


class Hurried(ReportsSession):
    """Takes down what it would wait."""

    def __init__(self, *args, **kwargs):
        self.waited = []
        super().__init__(*args, **kwargs)

    def wait(self, seconds):
        self.waited.append(seconds)
        return False


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
    ("headers", "kind"),
    [
        ({"Content-Length": "5, 6"}, errors.TransportError),
        ({"Location": "/caf\xe9"}, errors.RefusedLink),
        ({"Location": "http://[::1/"}, errors.RefusedLink),
        ({"Location": "http://a..b/?s1gnature"}, errors.RefusedLink),
        ({"Location": f"https://{'a' * 64}.example/"}, errors.RefusedLink),
        ({"Location": "https://exa mple/"}, errors.RefusedLink),
        ({"Location": "https://files.example:99999/"}, errors.RefusedLink),
        ({"Location": f"/{KEY}"}, errors.RefusedLink),
    ],
)
def test_headers_that_make_no_sense_are_the_servers_fault(server, session, headers, kind):
    server.will(Answer(302, headers=headers))
    error = the_failure(session_once(session), session.base_url)
    assert type(error) is kind
    assert error.__context__ is error.__cause__ is None
    assert_clean(error)


@pytest.mark.parametrize("url", ["https://a..b/", "ftp://files.example/", "\ud800", "https://["])
def test_an_address_that_nobody_can_ask_is_the_callers_fault(session, url):
    assert isinstance(the_failure(session, url), InvalidInput)


def test_an_echoed_signature_or_half_a_key_is_not_repeated(server, session):
    url = f"{server.origin}/file?X-Amz-Signature={SIGNATURE}%2B"
    echo = f"{'.' * 440} ask /other?Signature={SIGNATURE[1:]} {SIGNATURE}%2B {SIGNATURE}+ {KEY}"
    server.will(Answer(403, {"message": echo}))
    answer = session.get(url)
    with pytest.raises(errors.Refused) as caught:
        session.raise_for_status(answer)
    assert_clean(caught.value)
    assert KEY[:6] not in str(caught.value)
    assert "ask /other?*** *** *** ***" in str(caught.value)


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
