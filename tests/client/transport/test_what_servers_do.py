"""What servers and proxies do that a mock cannot: drips, informational answers, exact bytes."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time

import pytest
from scripted_server import KEY, Answer

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput

FILE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.contextmanager
def a_server_that(answer):
    """Serve connections one after the other, each in a thread; yield origin and request lines."""
    lines, ended = [], threading.Event()

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    def one(connection):
        with connection, contextlib.suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked:
                more = connection.recv(2**16)
                if not more:
                    return
                asked += more
            lines.append(asked.partition(b"\r\n")[0].decode())
            answer(connection, ended)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", lines
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def drip(head, piece):
    """Send something, and then a little, again and again, for ever."""

    def answer(connection, ended):
        connection.sendall(head)
        while not ended.wait(0.05):
            connection.sendall(piece)

    return answer


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 503 Down\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["headers", "one header", "body", "chunks", "refusal", "informational"],
)
def test_an_answer_that_drips_ends_at_the_deadline_and_is_not_asked_for_again(head, piece):
    with (
        a_server_that(drip(head, piece)) as (origin, lines),
        ReportsSession(KEY, origin, timeout=600, deadline=0.3) as session,
        pytest.raises(errors.TransportError) as caught,
    ):
        session.get(session.base_url)
    assert isinstance(caught.value, errors.DeadlineExceeded)
    assert str(caught.value).startswith("No complete answer within 0.3 s: a later try may succeed")
    assert len(lines) == 1


def test_what_a_refused_download_says_has_the_deadline_too():
    refusal = drip(b"HTTP/1.1 403 No\r\nContent-Length: 1000000\r\n\r\n", b"x")
    with (
        a_server_that(refusal) as (origin, _),
        ReportsSession(KEY, origin, timeout=600, deadline=0.3) as session,
        pytest.raises(errors.DeadlineExceeded),
    ):
        session.get(session.base_url, stream=True)


def test_a_download_may_take_longer_than_the_deadline():
    def slow(connection, ended):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        for _ in range(4):
            ended.wait(0.1)
            connection.sendall(b"x")

    with (
        a_server_that(slow) as (origin, _),
        ReportsSession(KEY, origin, deadline=0.2) as session,
        session.get(session.base_url, stream=True) as answer,
    ):
        assert answer.raw.read() == b"xxxx"


def test_a_session_that_waits_keeps_no_process_alive():
    def ask():
        with pytest.raises(errors.TransportError):
            session.get(session.base_url)

    drips = drip(FILE[:-1], b"")
    with a_server_that(drips) as (origin, _), ReportsSession(KEY, origin) as session:
        thread = threading.Thread(target=ask)
        before = set(threading.enumerate())
        thread.start()
        while not (new := set(threading.enumerate()) - before - {thread}):
            time.sleep(0.01)
        assert all(each.daemon for each in new)
        session.cancel()
        thread.join(60)


def test_informational_answers_are_passed_over():
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"

    def answer(connection, _):
        connection.sendall(early + FILE)

    with a_server_that(answer) as (origin, _), ReportsSession(KEY, origin) as session:
        found = session.get(session.base_url)
    assert (found.status_code, found.content) == (200, b"{}")
    assert "Link" not in found.headers


@pytest.mark.parametrize("redirected", [False, True])
@pytest.mark.parametrize("target", ["/a%7Eb?sig=%7e%2F%2b~", "/a//b?x=%20", "/a?b=c%3d&d"])
def test_signed_links_are_sent_byte_for_byte(server, session, target, redirected):
    if redirected:
        server.will(Answer(302, headers={"Location": server.origin + target}), Answer(body={}))
        session.get(session.base_url)
    else:
        session.get(server.origin + target)
    assert server.paths[-1] == target


@pytest.fixture
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.mark.parametrize(
    ("proxy", "kind", "said"),
    [
        ("http://user:s3cret@127.0.0.1:9", errors.TransportError,
         r"^Proxy http://127\.0\.0\.1:9 failed \(.*Connection refused.*\): check HTTPS_PROXY"),
        ("http://", InvalidInput, r"^Proxy http:// failed \(InvalidProxyURL\): check HTTPS_PROXY"),
        ("http://[::1", InvalidInput, r"^Proxy <malformed address> failed .*: check HTTPS_PROXY"),
        ("socks5://127.0.0.1:9", InvalidInput, r"failed .*: for SOCKS, pip install 'requests\[soc"),
    ],
)  # fmt: skip
def test_a_proxy_that_does_not_work_is_named_as_the_reason(environment, proxy, kind, said):
    if proxy.startswith("socks"):
        with contextlib.suppress(ImportError):
            import socks  # noqa: F401

            pytest.skip("SOCKS support is installed")
    environment.setenv("HTTPS_PROXY", proxy)
    with (
        ReportsSession(KEY, "https://api.example/reports/v1", max_retries=0) as session,
        pytest.raises(kind, match=said) as caught,
    ):
        session.get(session.base_url)
    assert "s3cret" not in str(caught.value)


def test_a_firewalls_page_is_tried_again(requests_mock):
    page = {"status_code": 403, "headers": {"Content-Type": "text/html"}, "text": "<h1>No</h1>"}
    url = "https://api.example/reports/v1/"
    requests_mock.get(url, [page, {"json": {"reports": []}}])
    with ReportsSession(KEY, url) as session:
        session.wait = lambda seconds: False
        assert list(ReportsAPI(session).list_reports(Filters())) == []


def test_it_is_used_as_any_other_session(requests_mock):
    url = "https://api.example/reports/v1/"
    requests_mock.get(url, json={})
    requests_mock.post(url, json={})
    with ReportsSession(KEY, url) as session:
        session.headers["X-Mine"] = "1"
        session.request("GET", url, {"a": "b"}, headers={"User-Agent": None, "x-mine": "2"})
        session.request("POST", url, None, {"form": "data"}, {"X-Other": "3"})
        asked, posted = requests_mock.request_history
    assert asked.qs == {"a": ["b"]}
    assert "User-Agent" not in asked.headers
    assert asked.headers["X-Mine"] == "2"
    assert posted.text == "form=data"
    assert posted.headers["X-Other"] == "3"
    assert posted.headers["Authorization"].startswith("Basic ")


def test_the_connections_own_certificates_count_more_than_the_environments(environment, tmp_path):
    environment.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    for verify, used in ((False, False), ("/mine.pem", "/mine.pem"), (True, str(tmp_path))):
        with ReportsSession(KEY, "https://api.example/", verify=verify) as session:
            settings = session.merge_environment_settings(session.base_url, {}, None, None, None)
        assert settings["verify"] == used


def test_a_retry_is_logged_with_its_reason_in_one_line(server, session, caplog):
    caplog.set_level(logging.WARNING)
    server.will(Answer(0), Answer(body={}))
    session.get(session.base_url)
    (record,) = caplog.records
    assert "trying again in" in record.getMessage()
    assert "\n" not in record.getMessage()
