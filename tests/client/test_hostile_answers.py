"""Whatever bytes a server sends, the client ends in a result or in an error of its own."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import logging
import socket
import threading
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import KEY

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.download import download
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

SIGNATURE = "s1gnature/of+a=link"
QUERY = f"X-Amz-Signature={quote(SIGNATURE, safe='')}"
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
FORMS = (KEY, quote(KEY, safe=""), BASIC)
#: Of links that the server gives.
GIVEN = "g1ven-signature"
GIVEN_QUERY = f"?X-Amz-Signature={GIVEN}"
TRIES = 3
#: Two kinds of page size, or tries of a download, each with as many tries of a request, each
#: with its redirects.
MOST_REQUESTS = 2 * TRIES * TRIES * 11


class RawServer:
    """Sends the bytes that it was told to, one answer a connection; then it only hangs up."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.origin = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def will(self, answers: list[bytes]) -> None:
        self.answers = [answer.replace(b"ORIGIN", self.origin.encode()) for answer in answers]
        self.connections = 0

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        self.connections += 1
        asked = b""
        while b"\r\n\r\n" not in asked and (more := connection.recv(2**16)):
            asked += more
        if self.answers:
            connection.sendall(self.answers.pop(0))


def answer(status: str, body: bytes = b"", *headers: str, length: bool = True) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(body: bytes) -> bytes:
    halves = (body[: len(body) // 2], body[len(body) // 2 :])
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(half), half) for half in (*halves, b""))
    return answer("200 OK", chunks, "Transfer-Encoding: chunked", length=False)


REPORT = {
    "report_id": "a",
    "contents": [f"ORIGIN/file{GIVEN_QUERY}"],
    "num_rows": 1,
    "new": ["\ud800", {"x": 1.5}],
    "_links": {"self": "ORIGIN/reports/v1/a"},
}
PAGE = json.dumps({"reports": [REPORT], "_links": {"next": f"ORIGIN/{GIVEN_QUERY}"}}).encode()
LAST_PAGE = json.dumps({"reports": [REPORT], "_links": {}}).encode()
ONE = json.dumps(REPORT).encode()
PART = b'id,note\r\n1,"two"\r\n' * 3
ECHO = f"{KEY} {BASIC} {SIGNATURE} {QUERY}"

SANE = [
    answer("200 OK", PAGE, "Content-Type: application/json"),
    answer("200 OK", LAST_PAGE),
    answer("200 OK", ONE),
    answer("200 OK", gzip.compress(LAST_PAGE), "Content-Encoding: gzip"),
    chunked(LAST_PAGE),
    answer("200 OK", PART, 'ETag: "v1"', "Last-Modified: Sun, 01 Nov 2026 00:00:00 GMT"),
    answer("200 OK", PART, 'ETag: "v1"', length=False),
    answer("200 OK", PART[:20], 'ETag: "v1"', f"Repr-Digest: sha-256=:{'A' * 43}=:"),
    answer("206 Partial", PART[20:], 'ETag: "v1"', f"Content-Range: bytes 20-53/{len(PART)}"),
    answer("206 Partial", PART[20:], "Content-Range: bytes 20-53/*", length=False),
    answer("416 Beyond", b"", f"Content-Range: bytes */{len(PART)}"),
    chunked(PART),
    answer("302 Found", b"", f"Location: ORIGIN/file{GIVEN_QUERY}"),
    answer("301 Moved", b"", "Location: /reports/v1"),
    answer("307 Again", b"", f"Location: http://files.example/{GIVEN_QUERY}"),
    answer("400 Bad", b'{"message": "page_size"}'),
    answer("401 Unauthorized", ECHO.encode()),
    answer(f"403 {ECHO}", json.dumps({"errors": [[{"message": ECHO}]]}).encode()),
    answer("429 Slow down", b"", "Retry-After: 1"),
    answer("503 Unavailable", f"<title>{ECHO}</title>".encode()),
    answer("204 No Content", b""),
    b"HTTP/1.1 100 Continue\r\n\r\n" + answer("200 OK", LAST_PAGE),
    f"HTTP/1.1 {ECHO}\r\n\r\n".encode(),
    b"",
]  # fmt: skip
SPLINTERS = [
    b"\r\n", b"\n", b"\r\n\r\n", b": ", b"\0", b"\xff", b"\xc3", b"[", b"{", b'"', b"-", b"9" * 30,
    b"9" * 5000, b"Content-Length: 5, 6\r\n", b"Content-Length: -1\r\n", b"Content-Length: 2\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: br\r\n",
    b"Location: /caf\xe9\r\n", b"Location: //[::1\r\n", b"Location: https://a..b/\r\n",
    b"Location: //\r\n", b"Location: ?\r\n", b"Location: http://localhost:99999/\r\n",
    b"Retry-After: 1 Jan 99999999999 00:00:00\r\n", b"ETag: a\r\n b\r\n", b"X: y\r\n" * 101,
    b"No colon\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/9.9 999 ?\r\n", b"ffffffffffffffff",
    b"Set-Cookie: a=b; Max-Age=999999999999999999999999\r\n", b"x" * 70_000, b"[" * 5_000, b"NaN",
    f"Odd {ECHO}\r\n".encode(), f"X-Echo {ECHO}: 1\r\n".encode(),
]  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as it should be, with a few pieces cut out, put in, moved, or cut off."""
    data = draw(st.sampled_from(SANE))
    for _ in range(draw(st.integers(0, 3))):
        # Most of what matters is in the status line and the headers.
        limit = max(data.find(b"\r\n\r\n") + 4, 4) if draw(st.booleans()) else len(data)
        begin = draw(st.integers(0, limit))
        end = begin + draw(st.integers(0, 20))
        piece = draw(
            st.sampled_from(SPLINTERS) | st.binary(max_size=6) | st.just(data[begin : end + 40])
        )
        data = draw(
            st.sampled_from(
                (data[:begin] + piece + data[begin:], data[:begin] + piece + data[end:])
            )
            if draw(st.integers(0, 9))
            else st.just(data[:begin])
        )
    return data


class Hurried(ReportsSession):
    def wait(self, seconds: float) -> bool:
        assert 0 <= seconds <= 300
        return False


class Part:
    def write(self, data: bytes) -> None:
        pass

    def restart(self) -> None:
        pass


class Said(logging.Handler):
    """Keeps what anybody logs, as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += self.format(record) + "\n"


@contextlib.contextmanager
def listening():
    root, said = logging.getLogger(), Said()
    before = root.level
    root.addHandler(said)
    root.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        root.setLevel(before)
        root.removeHandler(said)


@pytest.fixture(scope="module")
def raw():
    with contextlib.closing(RawServer()) as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def nobody_outside():
    """A Location that was changed by chance leads nowhere."""

    def only_here(host, *args, lookup=socket.getaddrinfo, **kwargs):
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(socket.EAI_NONAME, "not outside of the tests")
        return lookup(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", only_here)
        yield


def secrets_in(script, link):
    """Return what must not be shown, of what the server was told or tells itself."""
    sent = b"".join(script)
    yield from FORMS
    # What a mutation moves out of a query is no secret any more.
    if sent.count(GIVEN.encode()) == sent.count(GIVEN_QUERY.encode()):
        yield GIVEN
    # Nor is what another server knows of a link.
    signatures = (SIGNATURE, quote(SIGNATURE, safe=""))
    if link and not (b"Location" in sent and any(each.encode() in sent for each in signatures)):
        yield from signatures


def assert_bearable(server, script, work, *, link=None):
    server.will(script)
    error = None
    with listening() as said, Hurried(KEY, server.origin, max_retries=TRIES - 1) as session:
        try:
            work(session)
        except PlanetReportsError as caught:
            error = caught
    assert server.connections <= MOST_REQUESTS
    # The caller did nothing wrong.
    assert not isinstance(error, InvalidInput)
    shown = said.text + "".join(traceback.format_exception(error) if error else ())
    assert [secret for secret in secrets_in(script, link) if secret in shown] == []


@given(st.lists(answers(), min_size=1, max_size=5))
def test_a_listing_ends_in_reports_or_in_an_error_of_ours(raw, script):
    assert_bearable(raw, script, lambda session: list(ReportsAPI(session).list_reports(Filters())))


@given(st.lists(answers(), min_size=1, max_size=4))
def test_a_report_is_one_or_an_error_of_ours(raw, script):
    assert_bearable(
        raw, script, lambda session: json.dumps(ReportsAPI(session).get_report("a").to_dict())
    )


@given(st.lists(answers(), min_size=1, max_size=6))
def test_a_download_ends_whole_or_in_an_error_of_ours(raw, script):
    link = f"{raw.origin}/file?{QUERY}"
    assert_bearable(raw, script, lambda session: download(session, link, Part()), link=link)
