from __future__ import annotations

import base64
import gzip
import hashlib
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


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        (ETAG, '"v1"'),
        (LATER, LATER["Last-Modified"]),
        ({"ETag": 'W/"v1"', **LATER}, LATER["Last-Modified"]),
    ],
)
def test_a_broken_transfer_goes_on_where_it_stopped(server, session, link, headers, validator):
    server.will(Answer(body=BODY, headers=headers, cut=1000), rest(1000))
    part = fetch(session, link)
    assert part.data == BODY
    assert part.restarts == 0
    assert server.received[1].headers["range"] == "bytes=1000-"
    assert server.received[1].headers["if-range"] == validator


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


@pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"v1"'}])
def test_without_a_validator_it_begins_again(server, session, link, headers):
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
    ("first", "then"),
    [
        (ETAG, {"ETag": '"v2"'}),
        ({**LATER, "ETag": 'W/"v1"'}, {"ETag": 'W/"v2"'}),
        (LATER, {"Last-Modified": "Mon, 02 Nov 2026 00:00:00 GMT"}),
        (ETAG, {"Content-Encoding": "gzip"}),
        (ETAG, {"Content-Range": f"bytes 1000-{len(BODY) - 1}/{len(BODY) + 1}"}),
    ],
)
def test_a_rest_that_contradicts_the_beginning_is_not_mixed_with_it(
    server, session, link, first, then
):
    whole = Answer(body=BODY, headers=first)
    server.will(Answer(body=BODY, headers=first, cut=1000), rest(1000, **then), whole)
    part = fetch(session, link)
    assert part.data == BODY
    assert part.taken == 1000 + len(BODY)
    assert "range" not in server.received[2].headers


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (ETAG, {**ETAG, **LATER}),
        ({**ETAG, "Content-Encoding": "gzip"}, ETAG),  # RFC 9110 has the rest leave it out
        (ETAG, {"Content-Range": f"bytes 1000-{len(BODY) - 1}/*"}),
    ],
)
def test_a_rest_that_says_no_more_than_it_has_to_is_taken(server, session, link, first, then):
    server.will(Answer(body=BODY, headers=first, cut=1000), rest(1000, **then))
    assert fetch(session, link).restarts == 0


@pytest.mark.parametrize("etag", ["v1", '"a", "b"', '"v\x0b1"', '"v1\r\n folded"'])
def test_a_validator_that_cannot_be_sent_back_is_none(server, session, link, etag):
    server.will(Answer(body=BODY, headers={"ETag": etag}, cut=1000), Answer(body=BODY))
    assert fetch(session, link).restarts == 1


def nothing_beyond(size):
    return Answer(416, headers={"Content-Range": f"bytes */{size}"})


def test_a_transfer_that_broke_behind_its_last_byte_is_whole(server, session, link):
    body = bytes(2**20)
    unended = Answer(body=f"{len(body):x}\r\n".encode() + body, headers={**ETAG, **CHUNKED})
    server.will(unended, nothing_beyond(len(body)))
    assert fetch(session, link).data == body
    assert server.received[1].headers["range"] == f"bytes={len(body)}-"


def test_a_transfer_that_broke_elsewhere_is_not(server, session, link):
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), nothing_beyond(1000), Answer(body=BODY))
    assert fetch(session, link).data == BODY
    assert len(server.received) == 3


def open_ended(end=None, **headers):
    """The part, or a beginning of it, as an answer that only ends with its connection."""
    return Answer(body=BODY[:end], headers={**ETAG, "Content-Length": None, **headers})


def test_after_an_end_that_nothing_announced_the_server_is_asked_for_more(server, session, link):
    server.will(open_ended(), nothing_beyond(len(BODY)))
    assert fetch(session, link).data == BODY
    asked = server.received[1].headers
    assert (asked["range"], asked["if-range"]) == (f"bytes={len(BODY)}-", '"v1"')


def test_a_cut_that_looks_like_an_end_is_found_out(server, session, link):
    server.will(open_ended(1000), rest(1000))
    part = fetch(session, link)
    assert part.data == BODY
    assert part.restarts == 0


def test_it_is_asked_again_as_long_as_the_total_is_not_known(server, session, link):
    unknown = rest(1000, **{"Content-Range": "bytes 1000-1499/*"})
    unknown.body = BODY[1000:1500]
    server.will(open_ended(1000), unknown, rest(1500))
    assert fetch(session, link).data == BODY
    assert len(server.received) == 3


def test_what_a_server_without_ranges_sends_twice_is_whole(server, session, link):
    server.will(open_ended())
    part = fetch(session, link)
    assert part.data == BODY
    assert part.restarts == 1
    assert len(server.received) == 2


def test_a_continuation_with_nothing_in_it_does_not_go_on_for_ever(server, session, link):
    nothing = Answer(206, b"", {"Content-Range": "bytes 1000-1000/*", "Content-Length": None})
    server.will(open_ended(1000), nothing)
    assert "nothing came" in str(the_failure(session, link))


@pytest.mark.parametrize("body", [BODY, b""])
def test_an_end_that_nothing_can_confirm_is_said_to_be_one(server, session, link, caplog, body):
    server.will(Answer(body=body, headers={"Content-Length": None}))
    assert fetch(session, link).data == body
    assert len(server.received) == 1
    assert f"No end was announced; it ended at byte {len(body)}" in caplog.text


@pytest.mark.parametrize("digest", ["", "Digest"])
def test_an_end_that_chunks_or_a_digest_announce_needs_no_confirmation(
    server, session, link, digest
):
    if digest:
        server.will(open_ended(Digest=the_digests(BODY)["Digest"]))
    else:
        chunks = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
        server.will(Answer(body=chunks, headers={**ETAG, **CHUNKED}))
    assert fetch(session, link).data == BODY
    assert len(server.received) == 1


def test_a_continued_part_has_the_length_of_the_whole(server, session, link):
    short = Answer(206, BODY[1000:1500], {"Content-Range": f"bytes 1000-1499/{len(BODY)}"})
    server.will(Answer(body=BODY, headers=ETAG, cut=1000), short, Answer(body=BODY))
    assert fetch(session, link).data == BODY


def test_a_short_body_is_never_taken_for_the_whole(server, session, link):
    server.will(Answer(body=BODY, cut=1000))
    assert isinstance(the_failure(session, link), errors.TransportError)


def the_digests(body):
    def b64(name):
        return base64.b64encode(hashlib.new(name, body).digest()).decode()

    return {
        "Content-MD5": b64("md5"),
        "Digest": f"adler32=1, SHA-256={b64('sha256')}",
        "Repr-Digest": f"sha-512=:{b64('sha512')}:",
        "Content-Digest": f"sha-256=:{b64('sha256')}:",
        "x-goog-hash": f"crc32c=AAAAAA==, md5={b64('md5')}",
    }


@pytest.mark.parametrize("header", the_digests(b""))
def test_a_digest_that_the_server_sends_is_checked(server, session, link, header):
    server.will(Answer(body=BODY, headers={header: the_digests(BODY)[header]}))
    assert fetch(session, link).data == BODY
    server.will(Answer(body=BODY, headers={header: the_digests(b"other")[header]}))
    error = the_failure(session, link)
    assert isinstance(error, errors.DamagedContent)
    assert f"the bytes do not match the {header} header" in str(error)


def test_damage_in_transit_is_repaired(server, session, link):
    headers = {"Content-MD5": the_digests(BODY)["Content-MD5"]}
    server.will(Answer(body=b"x" * len(BODY), headers=headers), Answer(body=BODY, headers=headers))
    part = fetch(session, link)
    assert part.data == BODY
    assert part.restarts == 1


def test_the_digest_covers_a_continued_part_as_a_whole(server, session, link):
    headers = {**ETAG, "Digest": the_digests(BODY)["Digest"]}
    server.will(Answer(body=BODY, headers=headers, cut=1000), rest(1000))
    assert fetch(session, link).data == BODY
    other = BODY[:1000] + b"x" * (len(BODY) - 1000)
    server.will(
        Answer(body=BODY, headers=headers, cut=1000),
        rest(1000, other),
        Answer(body=BODY, headers=headers),
    )
    assert fetch(session, link).data == BODY


@pytest.mark.parametrize("digest", ["", "md5", "=:=", "crc32c=AAAA", "sha-256=!!", "md5=AAAA"])
def test_a_digest_that_cannot_be_read_is_no_digest(server, session, link, digest):
    server.will(Answer(body=BODY, headers={"Digest": digest, "Content-MD5": digest}))
    assert fetch(session, link).data == BODY


def test_a_gzip_file_arrives_as_it_is_stored(server, session, link):
    packed = gzip.compress(BODY, mtime=0)
    server.will(Answer(body=packed, headers={"Content-Encoding": "gzip"}))
    assert fetch(session, link).data == packed


def test_google_hashes_what_is_stored_not_what_it_unpacks(server, session, link):
    stored = the_digests(gzip.compress(BODY, mtime=0))["x-goog-hash"]
    headers = {"x-goog-hash": stored, "x-goog-stored-content-encoding": "gzip"}
    server.will(Answer(body=BODY, headers=headers))
    assert fetch(session, link).data == BODY


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
        (403, errors.NoPermission),
        (404, errors.NotFound),
        (410, errors.Gone),
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
    assert "X-Signature=***" in str(error)
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


@pytest.mark.parametrize("headers", [{}, {"Content-Length": None}], ids=["announced", "open"])
def test_a_task_that_ends_does_not_wait_for_a_silent_server(server, session_of, link, headers):
    session = session_of(server, timeout=600)
    server.will(Answer(body=BODY, headers=headers, cut=1000, stall=True))
    failures = []
    thread = threading.Thread(target=lambda: failures.append(the_failure(session, link)))
    thread.start()
    server.stalled.wait(60)
    session.cancel()
    thread.join(60)
    assert isinstance(failures[0], errors.TransportError)
    assert "told to stop" in str(failures[0])
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "kind",
    ["text/html; charset=utf-8", "application/json", "application/problem+json", "application/xml"],
)
def test_html_json_and_xml_are_no_report_whatever_the_status_says(server, session, link, kind):
    server.will(Answer(body=b"...", headers={"Content-Type": kind}))
    failure = the_failure(session, link)
    assert isinstance(failure, errors.InvalidResponse)
    assert f"The answer is {kind}, not a report" in str(failure)
    assert len(server.received) == 1
