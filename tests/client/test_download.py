from __future__ import annotations

import gzip
import threading
import time

import pytest
from scripted_server import Answer

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.download import download
from airflow_provider_planet_reports.errors import PlanetReportsError

BODY = bytes(range(256)) * 40
ETAG = {"ETag": '"v1"'}
LATER = {"Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
CHUNKED = {"Content-Length": None, "Transfer-Encoding": "chunked"}


class Part:
    """Takes bytes, and counts how often it had to begin again."""

    def __init__(self):
        self.data, self.restarts, self.largest, self.taken = b"", 0, 0, 0

    def write(self, data):
        self.data += data
        self.taken += len(data)
        self.largest = max(self.largest, len(data))

    def restart(self):
        self.data, self.restarts = b"", self.restarts + 1


@pytest.fixture
def link(server):
    return f"{server.origin}/reports/v1/a/1?X-Signature=s1gnature"


def rest(begin, body=BODY, **headers):
    """The part from a byte on."""
    return Answer(
        206,
        body[begin:],
        {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}", **headers},
    )


def fetch(session, link):
    part = Part()
    count = download(session, link, part)
    assert count == len(part.data)
    return part


def the_failure(session, link):
    with pytest.raises(PlanetReportsError) as caught:
        download(session, link, Part())
    return caught.value


def test_a_part_arrives_byte_for_byte(server, session, link):
    server.will(Answer(body=BODY))
    assert fetch(session, link).data == BODY
    assert "range" not in server.received[0].headers


def test_an_empty_part_is_a_part(server, session, link):
    server.will(Answer(body=b""))
    assert fetch(session, link).data == b""


@pytest.mark.parametrize("status", [202, 203, 204])
def test_another_success_is_no_part(server, session, link, status):
    server.will(Answer(status, b'{"status": "pending"}'), Answer(body=BODY))
    assert fetch(session, link).data == BODY


def test_a_large_part_comes_in_pieces_of_at_most_a_mebibyte(server, session, link):
    body = bytes(3 * 2**20 + 17)
    server.will(Answer(body=body))
    part = fetch(session, link)
    assert part.data == body
    assert part.largest == 2**20


def test_a_broken_transfer_goes_on_where_it_stopped(server, session, link):
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), rest(1000))
    part = fetch(session, link)
    assert part.data == BODY
    assert part.restarts == 0
    assert server.received[1].headers["range"] == "bytes=1000-"
    assert server.received[1].headers["if-range"] == '"v1"'


def test_it_goes_on_as_often_as_it_gets_further(server, session, link):
    answers = [Answer(body=BODY, headers=ETAG, cut=100)]
    for begin in range(100, 2000, 100):  # many more breaks than max_retries
        answers.append(rest(begin))
        answers[-1].cut = 100
    server.will(*answers, rest(2000))
    assert fetch(session, link).data == BODY


def test_without_progress_the_tries_come_to_an_end(server, session, link):
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), Answer(206, b"", rest(1000).headers | {
        "Content-Length": "100"}, cut=0))  # fmt: skip
    error = the_failure(session, link)
    assert isinstance(error, errors.TransportError)
    assert "broke off at byte 1000" in str(error)
    assert len(server.received) == 4


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"v1"'}, LATER])
def test_without_a_strong_etag_it_begins_again(server, session, link, headers):
    server.will(Answer(body=BODY, headers=headers, cut=1000), Answer(body=BODY))
    part = fetch(session, link)
    assert part.data == BODY
    assert part.restarts == 1
    assert "range" not in server.received[1].headers


def test_a_part_that_changed_in_between_begins_again(server, session, link):
    changed = BODY[::-1]
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), Answer(body=changed))
    part = fetch(session, link)
    assert part.data == changed
    assert part.restarts == 1


@pytest.mark.parametrize(
    "wrong", [rest(999), Answer(206, BODY[1000:]), Answer(206, BODY[1000:], {"Content-Range": "x"})]
)
def test_another_range_than_the_one_asked_for_is_not_taken(server, session, link, wrong):
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), wrong, Answer(body=BODY))
    part = fetch(session, link)
    assert part.data == BODY
    assert "range" not in server.received[2].headers


def test_a_range_that_nobody_asked_for_is_not_taken(server, session, link):
    server.will(rest(1000), Answer(body=BODY))
    assert fetch(session, link).data == BODY


def test_a_part_that_became_shorter_begins_again(server, session, link):
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), Answer(416), Answer(body=b"short"))
    assert fetch(session, link).data == b"short"


@pytest.mark.parametrize(
    "then",
    [
        {"ETag": '"v2"'},
        {"Content-Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY) + 1}"},
        {"Content-Range": f"bytes 1000-{len(BODY) - 1}/*"},
    ],
)
def test_a_rest_that_contradicts_the_beginning_is_not_mixed_with_it(server, session, link, then):
    whole = Answer(body=BODY, headers=ETAG)
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), rest(1000, **then), whole)
    part = fetch(session, link)
    assert part.data == BODY
    assert part.taken == 1000 + len(BODY)
    assert "range" not in server.received[2].headers


@pytest.mark.parametrize("etag", ["v1", '"a", "b"', '"v\x0b1"', '"v1\r\n folded"'])
def test_a_validator_that_cannot_be_sent_back_is_none(server, session, link, etag):
    server.will(Answer(body=BODY, headers={"ETag": etag}, cut=1000), Answer(body=BODY))
    assert fetch(session, link).restarts == 1


def test_a_range_that_is_refused_has_it_begin_again(server, session, link):
    refused = Answer(416, headers={"Content-Range": "bytes */1000"})
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), refused, Answer(body=BODY))
    assert fetch(session, link).data == BODY
    assert len(server.received) == 3


def unended(end=None):
    """The part, or a beginning of it, as an answer that only ends with its connection."""
    return Answer(body=BODY[:end], headers={**ETAG, "Content-Length": None})


@pytest.mark.parametrize("retries", [0, 3])
def test_what_ends_twice_at_the_same_byte_is_whole(server, session_of, link, retries):
    server.will(unended())
    part = fetch(session_of(server, max_retries=retries), link)
    assert part.data == BODY
    assert part.restarts == 1
    assert len(server.received) == 2
    assert "range" not in server.received[1].headers


def test_an_empty_part_without_an_announced_end_is_whole_when_it_comes_twice(server, session, link):
    server.will(unended(0))
    assert fetch(session, link).data == b""
    assert len(server.received) == 2


@pytest.mark.parametrize("cuts", [(1000,), (1000, 2000), (2000, 1000), (1000, None, 1000)])
def test_a_cut_that_looks_like_an_end_is_never_believed(server, session, link, cuts):
    server.will(*map(unended, cuts), unended())
    assert fetch(session, link).data == BODY
    assert len(server.received) == len(cuts) + 2


def test_a_server_that_cuts_every_time_elsewhere_fails_by_name(server, session, link):
    server.will(*map(unended, range(5000, 0, -100)))
    error = the_failure(session, link)
    assert str(error).startswith(
        "The download broke off at byte 4600 (which is not where it has to end): a later try may"
    )
    assert "s1gnature" not in str(error)


def test_chunks_announce_their_end(server, session, link):
    chunks = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    server.will(Answer(body=chunks, headers={**ETAG, **CHUNKED}))
    assert fetch(session, link).data == BODY
    assert len(server.received) == 1


def test_a_continued_part_has_the_length_of_the_whole(server, session, link):
    short = Answer(206, BODY[1000:1500], {"Content-Range": f"bytes 1000-1499/{len(BODY)}"})
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), short, Answer(body=BODY))
    assert fetch(session, link).data == BODY


def test_more_than_the_whole_is_not_taken(server, session, link):
    long = Answer(206, BODY[900:], {"Content-Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY)}"})
    whole = Answer(body=BODY, headers=ETAG)
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), long, whole)
    assert fetch(session, link).data == BODY


def test_a_short_body_is_never_taken_for_the_whole(server, session, link):
    server.will(Answer(body=BODY, cut=1000))
    assert isinstance(the_failure(session, link), errors.TransportError)


def test_a_gzip_file_arrives_as_it_is_stored(server, session, link):
    packed = gzip.compress(BODY, mtime=0)
    server.will(Answer(body=packed, headers={"Content-Encoding": "gzip"}))
    assert fetch(session, link).data == packed


def test_an_encoding_that_nobody_can_undo_later_is_refused(server, session, link):
    server.will(Answer(body=BODY, headers={"Content-Encoding": "br"}))
    with pytest.raises(errors.InvalidResponse, match="is encoded as 'br'"):
        download(session, link, Part())


def test_a_stalled_transfer_times_out_and_goes_on(server, session_of, link):
    session = session_of(server, timeout=1)
    body = BODY * 300
    server.will(Answer(body=body, headers=ETAG, cut=2**20 + 1, stall=True), rest(2**20, body))
    part = fetch(session, link)
    assert part.data == body
    assert part.restarts == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, errors.InvalidAPIKey),
        (403, errors.Refused),
        (404, errors.NotFound),
        (410, errors.Refused),
    ],
)
def test_a_refused_link_is_not_asked_again(server, session, link, status, kind):
    server.will(Answer(status))
    assert isinstance(the_failure(session, link), kind)
    assert len(server.received) == 1


def test_passing_trouble_is_outlasted(server, session, link):
    server.will(Answer(503), Answer(0), Answer(body=BODY))
    assert fetch(session, link).data == BODY


def test_neither_signature_nor_address_in_trouble(server, session, link, caplog):
    server.will(Answer(body=BODY, cut=10))
    error = the_failure(session, link)
    assert error.__context__ is error.__cause__ is None
    assert str(error).endswith("GET " + link.partition("?")[0])
    assert "s1gnature" not in str(error) + caplog.text


def test_what_the_sink_raises_is_not_taken_for_trouble_of_the_network(server, session, link):
    class Full(Part):
        def write(self, data):
            raise OSError(28, "No space left on device")

    server.will(Answer(body=BODY))
    with pytest.raises(OSError, match="No space left"):
        download(session, link, Full())
    assert len(server.received) == 1


def test_a_task_that_ends_does_not_wait_for_further_tries(server, session_of, link, monkeypatch):
    session = session_of(server, max_retries=1000)
    server.will(Answer(body=BODY, cut=0))
    failures = []

    def run():
        failures.append(the_failure(session, link))

    thread = threading.Thread(target=run)
    thread.start()
    while len(server.received) < 3:
        time.sleep(0.01)
    session.cancel()
    thread.join(5)
    assert isinstance(failures[0], errors.TransportError)
    assert len(server.received) < 20


def test_a_task_that_ends_does_not_wait_for_a_silent_server(server, session_of, link):
    session = session_of(server, timeout=600)
    server.will(Answer(body=BODY, cut=1000, stall=True))
    failures = []
    thread = threading.Thread(target=lambda: failures.append(the_failure(session, link)))
    thread.start()
    server.stalled.wait(60)
    session.cancel()
    thread.join(60)
    assert isinstance(failures[0], errors.TransportError)
    assert "told to stop" in str(failures[0])
    assert len(server.received) == 1
