"""Refusals and other errors, by what the server answers."""

from __future__ import annotations

import json
import multiprocessing
import pickle

import pytest
from scripted_server import KEY

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.contents import ReportReplaced
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

URL = "https://api.example/reports/v1/"
HTML = {"Content-Type": "text/html; charset=utf-8"}


@pytest.fixture
def the_error(requests_mock):
    """Have the server answer, and return the error that it becomes."""

    def ask(status, body=b"", headers=None, url=URL):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        requests_mock.get(URL, status_code=status, content=content, headers=headers or {})
        with ReportsSession(KEY, URL, max_retries=0) as session:
            answer = session.get(url)
            with pytest.raises(PlanetReportsError) as caught:
                session.raise_for_status(answer)
        return caught.value

    return ask


@pytest.mark.parametrize("status", [200, 204, 206])
def test_a_success_is_no_error(requests_mock, status):
    requests_mock.get(URL, status_code=status)
    with ReportsSession(KEY, URL) as session:
        session.raise_for_status(session.get(URL))


@pytest.mark.parametrize(
    ("status", "kind", "start"),
    [
        (400, errors.BadRequest, "Bad request (400): check the filters"),
        (401, errors.InvalidAPIKey, "API key or token rejected (401): check the connection's pass"),
        (403, errors.Refused, "Forbidden (403): use an organization administrator's key"),
        (404, errors.NotFound, "Not found (404): check the connection's host, the path and the id"),
        (410, errors.Refused, "No longer available (410): list the reports again"),
        (413, errors.BadRequest, "Bad request (413): check the filters"),
        (422, errors.BadRequest, "Bad request (422): check the filters"),
        (405, errors.Refused, "Request refused (405): the request itself has to change"),
    ],
)
def test_a_refusal_is_final_and_says_what_is_wrong_what_to_do_and_then_the_request(
    the_error, status, kind, start
):
    error = the_error(status, {"message": "No."})
    assert type(error) is kind
    assert error.final
    assert error.status == status
    assert str(error).startswith(start)
    assert str(error).endswith(f". The server says 'No.'. GET {URL}")


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 507, 520, 525, 530, 599])
def test_a_problem_at_the_server_is_transient(the_error, status):
    error = the_error(status)
    assert type(error) is errors.TransientError
    assert not error.final
    assert str(error).startswith(f"Server error ({status}): ")
    assert "a later try may succeed" in str(error)


@pytest.mark.parametrize("status", [429, 503])
def test_how_long_the_server_asks_to_wait_is_told_and_kept(the_error, status):
    error = the_error(status, headers={"Retry-After": "17"})
    assert error.retry_after == 17
    assert "The server asks to wait 17 s." in str(error)
    assert "asks to wait" not in str(the_error(status))


def test_nobody_obeys_a_wait_of_a_hundred_days(the_error):
    assert the_error(503, headers={"Retry-After": str(100 * 86_400)}).retry_after == 3600


def test_too_many_requests_tells_the_remedy(the_error):
    error = the_error(429)
    assert isinstance(error, errors.TransientError)
    assert not error.final
    assert "requests_per_second" in str(error)[:100]


def test_an_html_page_with_a_403_is_a_firewalls_and_worth_a_retry(the_error):
    error = the_error(403, b"<title>Access blocked by policy</title>", HTML)
    assert isinstance(error, errors.TransientError)
    assert not error.final
    assert str(error).startswith("Blocked by a firewall or proxy (403): the answer is an HTML page")
    assert "'Access blocked by policy'" in str(error)


@pytest.mark.parametrize("status", [300, 304, 399])
def test_a_redirect_that_leads_nowhere_is_no_success(the_error, status):
    assert type(the_error(status)) is errors.InvalidResponse


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "Bad start."}, "Bad start."),
        ({"error": {"message": "Bad start."}}, "Bad start."),
        ({"errors": [{"detail": "Bad start."}, {"detail": "Bad end."}]}, "Bad start.; Bad end."),
        ({"general": [{"message": "Bad  start."}], "field": {}}, "Bad start."),
        ({"general": [], "field": {"line_item_id": [{"message": "unknown"}]}},
         "line_item_id: unknown"),
        ({"general": [{"message": "No."}], "field": {"start": [{"message": "too early"}]}},
         "No.; start: too early"),
        ({"error": "invalid_scope", "error_description": "Not for you."}, "Not for you."),
        (["Bad start.", "Bad end."], "Bad start.; Bad end."),
        ("Bad start.", "Bad start."),
    ],
)  # fmt: skip
def test_the_server_is_quoted_from_its_json(the_error, body, words):
    assert f" The server says {words!r}. " in str(the_error(400, body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><head><title>502\nBad Gateway</title></head>nginx", "502 Bad Gateway"),
        (b"<p>Come <b>back</b> later</p>", "Come back later"),
        (b"plain words", "plain words"),
        (b"\xff\xfe broken", "\ufffd\ufffd broken"),
    ],
)
def test_the_server_is_quoted_from_other_bodies(the_error, body, words):
    assert f" The server says {words!r}. " in str(the_error(400, body))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"17", b"[]", b'{"message": null}'])
def test_a_server_without_words_is_not_quoted(the_error, body):
    assert "The server says" not in str(the_error(400, body))


def test_a_body_is_not_quoted_without_end(the_error):
    assert len(str(the_error(400, b"<p>" + b"x" * 2**20))) < 800


def test_deep_json_is_no_way_to_hide_a_refusal(the_error):
    assert isinstance(the_error(401, b"[" * 60_000), errors.InvalidAPIKey)


@pytest.mark.parametrize(
    "error",
    [
        errors.TransientError("Too many", 429, 17.0),
        errors.NotFound("Not found", 404),
        errors.UntrustedCertificate("Not trusted"),
        errors.InvalidResponse("odd"),
        ReportReplaced(Report("a", num_rows=3)),
        InvalidInput("bad"),
        PlanetReportsTaskError("Too many", retry_after=17.0),
        PlanetReportsTaskFailure("Not found"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_a_pool_of_processes_hands_errors_on():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        with pytest.raises(errors.InvalidResponse, match="must be a JSON object, not list"):
            pool.apply_async(Report.from_dict, ([],)).get(120)
        error = pool.apply_async(errors.TransientError, ("Too many", 429, 17.0)).get(120)
    assert (type(error), error.status, error.retry_after) == (errors.TransientError, 429, 17.0)


def test_an_error_is_one_line_without_control_characters():
    error = errors.InvalidResponse("first\nsecond \x1b[31mred\x9b \u202eturned \r\n")
    assert str(error) == r"first second \x1b[31mred\x9b \u202eturned"


def test_bad_input_is_a_value_error():
    assert issubclass(InvalidInput, ValueError)
    assert InvalidInput.final
