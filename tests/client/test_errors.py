from __future__ import annotations

import io
import json

import pytest
import requests

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError


def an_answer(status, body=b"", reason="Reason"):
    answer = requests.Response()
    answer.status_code, answer.reason = status, reason
    answer.raw = io.BytesIO(body)
    return answer


def the_error(status, body=b"", redact=str, retry_after=None):
    with pytest.raises(PlanetReportsError) as caught:
        errors.raise_for_status(
            an_answer(status, body),
            describe="GET https://api.example/reports/v1/",
            redact=redact,
            retry_after=retry_after,
        )
    return caught.value


@pytest.mark.parametrize("status", [200, 204, 206])
def test_a_success_is_no_error(status):
    errors.raise_for_status(an_answer(status), describe="", redact=str)


@pytest.mark.parametrize(
    ("status", "kind", "advice"),
    [
        (400, errors.BadRequest, "Check the filters"),
        (401, errors.InvalidAPIKey, "Check the API key in the connection"),
        (403, errors.NoPermission, "organization administrator"),
        (404, errors.NotFound, "Check the connection's host, the path and the id"),
        (410, errors.Gone, "list the reports again"),
        (405, errors.Refused, "The request itself has to change"),
        (451, errors.Refused, "The request itself has to change"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_change(status, kind, advice):
    error = the_error(status, b'{"message": "No."}')
    assert type(error) is kind
    assert error.final
    assert error.status == status
    start = f"GET https://api.example/reports/v1/ answered {status} Reason: 'No.'. "
    assert str(error).startswith(start)
    assert advice in str(error)


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 507, 599])
def test_trouble_at_the_server_may_pass(status):
    error = the_error(status)
    assert type(error) is errors.ServerError
    assert not error.final
    assert "a later try may succeed" in str(error)


@pytest.mark.parametrize("status", [429, 503])
def test_how_long_the_server_asks_to_wait_is_told_and_kept(status):
    error = the_error(status, retry_after=17.4)
    assert error.retry_after == 17.4
    assert "The server asks to wait 17 s." in str(error)
    assert "asks to wait" not in str(the_error(status))


def test_too_many_requests_tells_the_remedy():
    error = the_error(429)
    assert isinstance(error, errors.TooManyRequests)
    assert not error.final
    assert "requests_per_second" in str(error)


@pytest.mark.parametrize("status", [300, 304, 399])
def test_a_redirect_that_leads_nowhere_is_no_success(status):
    assert type(the_error(status)) is errors.InvalidResponse


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "Bad start."}, "Bad start."),
        ({"error": {"message": "Bad start."}}, "Bad start."),
        ({"errors": [{"detail": "Bad start."}, {"detail": "Bad end."}]}, "Bad start.; Bad end."),
        ({"general": [{"message": "Bad  start."}], "field": {}}, "Bad start."),
        (["Bad start.", "Bad end."], "Bad start.; Bad end."),
        ("Bad start.", "Bad start."),
    ],
)
def test_the_server_is_quoted_from_its_json(body, words):
    assert f"answered 400 Reason: {words!r}. " in str(the_error(400, json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            b"<html><head><title>502\nBad Gateway</title></head><body>nginx</body>",
            "502 Bad Gateway",
        ),
        (b"<p>Come <b>back</b> later</p>", "Come back later"),
        (b"plain words", "plain words"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
    ],
)
def test_the_server_is_quoted_from_other_bodies(body, words):
    assert f"answered 400 Reason: {words!r}. " in str(the_error(400, body))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"17", b"[]", b'{"message": null}'])
def test_a_server_without_words_is_not_quoted(body):
    assert "answered 400 Reason. Check" in str(the_error(400, body))


def test_a_body_is_neither_quoted_nor_read_without_end():
    body = io.BytesIO(b"<p>" + b"x" * 2**20)
    answer = an_answer(400)
    answer.raw = body
    with pytest.raises(errors.BadRequest) as caught:
        errors.raise_for_status(answer, describe="GET x", redact=str)
    assert len(str(caught.value)) < 800
    assert body.tell() <= 2**16


def test_deep_json_is_no_way_to_hide_a_refusal():
    assert isinstance(the_error(401, b"[" * 60_000), errors.InvalidAPIKey)


def test_a_body_that_breaks_off_does_not_hide_the_refusal():
    class Broken(io.BytesIO):
        def read(self, *_):
            raise OSError("reset")

    answer = an_answer(403)
    answer.raw = Broken()
    with pytest.raises(errors.NoPermission):
        errors.raise_for_status(answer, describe="GET x", redact=str)


def test_what_the_server_echoes_is_redacted():
    def redact(text):
        return text.replace("s3cret", "***")

    error = the_error(401, b'{"message": "key s3cret is unknown"}', redact)
    assert "'key *** is unknown'" in str(error)


def test_bad_input_is_a_value_error():
    assert issubclass(InvalidInput, ValueError)
    assert InvalidInput.final
