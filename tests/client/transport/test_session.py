"""What a session sends where, what it repeats, and what it says."""

from __future__ import annotations

import base64
import datetime as dt
import platform
import threading
import time
import traceback
from email.utils import format_datetime
from urllib.parse import quote

import pytest
import requests
from hurried import Hurried
from requests_mock import ANY
from scripted_server import KEY

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport import session as module
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

API = "https://api.example/reports/v1/"
FILES = "https://files.example/1"
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
SIGNATURE = "s1gnature"
SECRETS = (KEY, quote(KEY, safe=""), BASIC, SIGNATURE)


@pytest.fixture
def session():
    with Hurried(KEY, API, max_retries=3) as session:
        yield session


@pytest.fixture
def server(requests_mock):
    """Whatever is asked gets the answers it was told, in order; the last one for ever."""
    requests_mock.will = lambda *answers: requests_mock.get(ANY, list(answers))
    requests_mock.will({"json": {}})
    return requests_mock


def redirect(location):
    return {"status_code": 302, "headers": {"Location": location}}


def the_failure(session, url, **kwargs):
    with pytest.raises(PlanetReportsError) as caught:
        session.get(url, **kwargs)
    return caught.value


def assert_clean(error):
    """Neither the error nor anything that would be logged with it holds a secret."""
    for text in ("".join(traceback.format_exception(error)), repr(error), repr(vars(error))):
        assert [secret for secret in SECRETS if secret in text] == []


def test_the_key_is_the_user_name_and_the_password_is_empty(server, session):
    session.get(API)
    assert server.last_request.headers["Authorization"] == f"Basic {BASIC}"


def test_a_request_says_who_asks_and_wants_the_bytes_as_they_are(server, session):
    session.get(API)
    headers = server.last_request.headers
    assert headers["User-Agent"] == (
        f"airflow-provider-planet-reports/{__version__} python/{platform.python_version()}"
    )
    assert headers["X-Planet-App"] == "airflow-provider-planet-reports"
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "elsewhere", [FILES, "https://api.example:8443/", "https://api.example.evil.example/"]
)
def test_the_key_goes_to_no_other_origin(server, session, elsewhere):
    session.get(elsewhere)
    session.get(elsewhere, headers={"Authorization": f"Basic {BASIC}"})
    server.will(redirect(elsewhere), {"json": {}})
    session.get(API)
    there = [asked for asked in server.request_history if asked.url.startswith(elsewhere)]
    assert len(there) == 3
    assert not any("Authorization" in asked.headers for asked in there)


def test_a_redirect_that_comes_back_brings_the_key_again(server, session):
    server.will(redirect(FILES), redirect(f"{API}back"), {"json": {}})
    session.get(API)
    assert [asked.headers.get("Authorization") for asked in server.request_history] == [
        f"Basic {BASIC}", None, f"Basic {BASIC}",
    ]  # fmt: skip


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
    server.will(redirect(location), {"json": {}})
    session.get(f"https://api.example{asked}")
    assert server.last_request.url == f"https://api.example{landed_at}"


@pytest.mark.parametrize(
    "target",
    [
        "http://files.example/?sig=s1gnature",
        "http://127.0.0.1/?sig=s1gnature",
        "ftp://x/?s1gnature",
        "http://[::1/",
        "http://a..b/?s1gnature",
        f"https://{'a' * 64}.example/",
        "https://exa mple/",
        "https://files.example:99999/",
        f"/{KEY}",
        f"https://files.example/{quote(KEY, safe='')}",
        f"http://files.example {KEY}",
    ],
)
def test_a_redirect_to_unencrypted_or_strange_ground_is_refused_at_once(server, session, target):
    server.will(redirect(target))
    error = the_failure(session, API)
    assert isinstance(error, errors.RefusedLink)
    assert error.__context__ is error.__cause__ is None
    assert server.call_count == 1
    assert_clean(error)


def test_a_redirect_of_bytes_that_are_no_text_leads_nowhere(server, session):
    server.will(redirect("/caf\xe9"))
    with pytest.raises(errors.InvalidResponse, match=r"A redirect \(302\) has no usable Location"):
        session.raise_for_status(session.get(API))


def test_redirects_in_a_circle_end(server, session):
    server.will(redirect("/round"))
    assert "Redirected more than 10 times" in str(the_failure(session, API))
    assert server.call_count == 1 + 10  # it is not gone round again


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 520, 530])
def test_passing_trouble_is_outlasted(server, session, status):
    trouble = {"status_code": status}
    server.will(trouble, trouble, {"json": {"fine": True}})
    assert session.get(API).json() == {"fine": True}
    assert len(session.waited) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410])
def test_a_refusal_is_not_asked_again(server, session, status):
    server.will({"status_code": status})
    assert session.get(API).status_code == status
    assert server.call_count == 1


def test_trouble_that_stays_is_reported_after_all_tries(server, session):
    server.will({"status_code": 503, "json": {"message": "Maintenance."}})
    answer = session.get(API)
    assert server.call_count == 4
    with pytest.raises(errors.TransientError, match=r"Server error \(503\): .*'Maintenance\.'"):
        session.raise_for_status(answer)


def test_a_request_with_side_effects_is_sent_once(requests_mock, session):
    requests_mock.post(API, [{"status_code": 503}, {"exc": requests.ConnectionError}])
    assert session.post(API, data=b"x").status_code == 503
    with pytest.raises(errors.TransportError):
        session.post(API, data=b"x")
    assert requests_mock.call_count == 2


def test_retry_after_is_waited_for(server, session):
    server.will({"status_code": 429, "headers": {"Retry-After": "40"}}, {"json": {}})
    session.get(API)
    assert session.waited == [40]


def test_a_server_that_asks_for_too_long_a_wait_is_met_again_by_a_later_task(server, session):
    later = format_datetime(dt.datetime.now(dt.timezone.utc) + dt.timedelta(hours=1), usegmt=True)
    server.will({"status_code": 429, "headers": {"Retry-After": later}})
    with pytest.raises(errors.TransientError, match=r"asks to wait 3[56]\d\d s") as caught:
        session.raise_for_status(session.get(API))
    assert caught.value.retry_after == pytest.approx(3600, abs=30)
    assert server.call_count == 1


def test_a_task_that_ends_does_not_wait_for_further_tries(server, caplog):
    server.will({"status_code": 503, "headers": {"Retry-After": "200"}})
    answers = []
    with ReportsSession(KEY, API) as session:
        thread = threading.Thread(target=lambda: answers.append(session.get(API)))
        thread.start()
        while "trying again in" not in caplog.text:
            time.sleep(0.01)
        session.cancel()
        thread.join(60)
        assert [answer.status_code for answer in answers] == [503]
        assert "told to stop" in str(the_failure(session, API))


def test_an_answer_that_is_no_file_has_a_limit(server, session, monkeypatch):
    monkeypatch.setattr(module, "_ANSWER_LIMIT", 2**20)
    server.will({"content": b"x" * (2**20 + 1)})
    assert "Answer of more than 1 MiB" in str(the_failure(session, API))
    assert server.call_count == 1


def test_a_streamed_answer_is_left_unread(server, session, monkeypatch):
    monkeypatch.setattr(module, "_ANSWER_LIMIT", 10)
    server.will({"content": b"x" * 1000})
    with session.get(API, stream=True) as answer:
        assert len(answer.raw.read()) == 1000


def test_a_netrc_is_not_taken_for_the_key(server, session, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.example login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    session.get(API)
    assert server.last_request.headers["Authorization"] == f"Basic {BASIC}"
    netrc.write_text("machine files.example login somebody password else\n")
    session.get(FILES)
    assert "Authorization" not in server.last_request.headers


def test_an_echoed_key_is_not_repeated(server, session):
    echo = f"No such key: {KEY}, {quote(KEY, safe='')}, {BASIC}"
    server.will({"status_code": 401, "json": {"message": echo}})
    with pytest.raises(
        errors.InvalidAPIKey, match=r"No such key: \*\*\*, \*\*\*, \*\*\*"
    ) as caught:
        session.raise_for_status(session.get(API))
    assert_clean(caught.value)


def test_an_echoed_signature_or_half_a_key_is_not_repeated(server, session):
    echo = f"{'.' * 440} ask /other?Signature={SIGNATURE[1:]} {SIGNATURE}%2B {SIGNATURE}+ {KEY}"
    server.will({"status_code": 403, "json": {"message": echo}})
    with pytest.raises(errors.Refused) as caught:
        session.raise_for_status(session.get(f"{FILES}?X-Amz-Signature={SIGNATURE}%2B"))
    assert_clean(caught.value)
    assert KEY[:6] not in str(caught.value)
    assert "ask /other?*** *** *** ***" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["https://a..b/", "ftp://files.example/", "\ud800", "https://[", "https://:0/x?sig=s1gnature"],
)
def test_an_address_that_nobody_can_ask_is_the_callers_fault(session, url):
    error = the_failure(session, url)
    assert isinstance(error, InvalidInput)
    assert_clean(error)


@pytest.mark.parametrize("wrong", ["", "  ", None])
def test_an_empty_key_is_bad_input(wrong):
    with pytest.raises(InvalidInput, match="The API key is empty"):
        ReportsSession(wrong)


@pytest.mark.parametrize("wrong", ["s3cret:x", "s3cret x", "s3crét", "s3cret\n"])
def test_a_key_that_cannot_be_one_is_not_repeated(wrong):
    with pytest.raises(InvalidInput, match="has characters that no key has") as caught:
        ReportsSession(wrong)
    assert "s3cr" not in str(caught.value)
