from __future__ import annotations

import itertools
from urllib.parse import parse_qsl, urlsplit

import pytest
from scripted_server import KEY, Answer

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput


@pytest.fixture
def api(session):
    return ReportsAPI(session)


def a_page(*ids, next=None):
    return Answer(
        body={
            "reports": [{"report_id": each} for each in ids],
            "_links": {"next": next} if next else {},
        }
    )


def asked(server):
    """Path and query of each request."""
    return [(parts.path, dict(parse_qsl(parts.query))) for parts in map(urlsplit, server.paths)]


def ids_of(reports):
    return [report.report_id for report in reports]


def test_filters_and_large_pages_are_asked_for_once_and_links_are_followed_as_they_are(api, server):
    server.will(a_page("a", next="/reports/v1/?cursor=x%2By"), a_page("b"))
    assert ids_of(api.list_reports(Filters(plan_id=7, start="2026-01-01"))) == ["a", "b"]
    assert asked(server)[0] == (
        "/reports/v1/", {"plan_id": "7", "start": "2026-01-01", "page_size": "1000"}
    )  # fmt: skip
    assert server.paths[1] == "/reports/v1/?cursor=x%2By"


def test_a_server_that_refuses_large_pages_is_asked_without(api, server):
    server.will(Answer(400, {"message": "page_size too large"}), a_page("a"))
    assert ids_of(api.list_reports(Filters(plan_id=7))) == ["a"]
    assert [query for _, query in asked(server)] == [
        {"plan_id": "7", "page_size": "1000"},
        {"plan_id": "7"},
    ]


def test_a_page_size_of_the_users_is_not_changed(api, server):
    server.will(Answer(400, {"message": "page_size too large"}))
    with pytest.raises(errors.BadRequest, match="page_size too large"):
        list(api.list_reports(Filters(page_size=5000)))
    assert [query for _, query in asked(server)] == [{"page_size": "5000"}]


def test_a_request_that_stays_bad_is_reported(api, server):
    server.will(Answer(400, {"message": "plan_id is unknown"}))
    with pytest.raises(errors.BadRequest, match="plan_id is unknown"):
        list(api.list_reports(Filters(plan_id=7)))
    assert len(server.received) == 2


def test_pages_are_read_as_they_are_needed(api, server):
    server.will(a_page("a", "b", next="?2"), a_page("c", next="?3"), a_page("d"))
    reports = api.list_reports(Filters())
    assert server.received == []
    assert ids_of(itertools.islice(reports, 2)) == ["a", "b"]
    assert len(server.received) == 1
    assert ids_of(itertools.islice(reports, 1)) == ["c"]
    assert len(server.received) == 2


def test_another_listing_is_below_the_base_url(api, server):
    server.will(a_page("a"))
    list(api.list_reports(Filters(path="/some listing/", query={"flag": True})))
    assert asked(server) == [("/reports/v1/some%20listing/", {"flag": "true", "page_size": "1000"})]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            Answer(body=b"<html>Log in</html>", headers={"Content-Type": "text/html"}),
            "is text/html, not JSON",
        ),
        (Answer(body=b""), r"is no content type, not JSON \(Expecting value: line 1 column 1"),
        (Answer(body=b'{"reports": ['), "Expecting value: line 1 column 14"),
        (Answer(body=b"[" * 200_000), "maximum recursion depth exceeded"),
        (Answer(body=b'{"a": "\xff"}'), "can't decode byte 0xff in position 7"),
        (Answer(body='{"reports": []}'.encode("utf-16")), "can't decode byte 0xff in position 0"),
        (Answer(body={"items": []}), "is not a listing of reports"),
    ],
)
def test_what_is_no_listing_is_named_with_its_address(api, server, answer, said):
    server.will(answer)
    with pytest.raises(errors.InvalidResponse, match=said) as caught:
        list(api.list_reports(Filters()))
    assert f"{server.origin}/reports/v1/?page_size=1000" in str(caught.value)


@pytest.mark.parametrize("number", [b"NaN", b"-Infinity", b"1e999"])
def test_a_number_that_json_does_not_have_costs_its_entry_alone(api, server, number):
    entries = b'{"report_id": "odd", "n": %s}, {"report_id": "a"}' % number
    server.will(Answer(body=b'{"n": %s, "reports": [%s]}' % (number, entries)))
    told = []
    assert ids_of(api.list_reports(Filters(), on_bad_entry=told.append)) == ["a"]
    assert [str(error).partition(" (")[0] for error in told] == [
        "Report 'odd' cannot be kept as JSON"
    ]


def test_the_encoding_is_utf_8_whatever_the_header_says(api, server):
    body = b'\xef\xbb\xbf{"reports": [{"report_id": "\xc3\xa9"}]}'
    server.will(Answer(body=body, headers={"Content-Type": "application/json; charset=latin-1"}))
    assert ids_of(api.list_reports(Filters())) == ["é"]


def test_an_answer_that_echoes_the_key_does_not_hand_it_on(api, server):
    server.will(Answer(body={"reports": [{"report_id": "a", "you": f"{KEY}:"}]}))
    (report,) = api.list_reports(Filters())
    assert report.to_dict()["you"] == "***:"


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.InvalidAPIKey), (403, errors.Refused), (404, errors.NotFound)],
)
def test_a_refused_listing_fails_at_once(api, server, status, kind):
    server.will(Answer(status))
    with pytest.raises(kind):
        list(api.list_reports(Filters()))
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("report_id", "path"),
    [
        ("8f6b", "8f6b"),
        ("../../x", "..%2F..%2Fx"),
        ("a/b?c#d", "a%2Fb%3Fc%23d"),
        ("björn", "bj%C3%B6rn"),
    ],
)
def test_an_id_stays_one_step_of_the_path(api, server, report_id, path):
    server.will(Answer(body={"report_id": report_id}))
    assert api.get_report(report_id).report_id == report_id
    assert server.paths == [f"/reports/v1/{path}"]


@pytest.mark.parametrize("report_id", ["", ".", "..", None, 7])
def test_an_id_that_can_be_none_is_not_asked_for(api, server, report_id):
    with pytest.raises(InvalidInput, match="cannot be the id of a report"):
        api.get_report(report_id)
    assert server.received == []


def test_another_report_than_the_one_asked_for_is_no_answer(api, server):
    server.will(Answer(body={"report_id": "b"}))
    with pytest.raises(errors.InvalidResponse, match="The answer is report 'b', not 'a'"):
        api.get_report("a")


def test_fresh_links_are_fetched_from_the_reports_own_address(api, server):
    renewed = {"report_id": "a", "contents": ["https://files.example/new"]}
    server.will(Answer(body=renewed))
    old = Report.from_dict({"report_id": "a", "_links": {"self": "/other/place/a"}})
    assert api.refresh(old).to_dict() == renewed
    assert server.paths == ["/other/place/a"]


def test_without_an_address_of_its_own_or_with_one_elsewhere_the_id_must_do(api, server, elsewhere):
    server.will(Answer(body={"report_id": "a"}))
    api.refresh(Report.from_dict({"report_id": "a"}))
    api.refresh(Report.from_dict({"report_id": "a", "_links": {"self": f"{elsewhere.origin}/a"}}))
    assert server.paths == ["/reports/v1/a"] * 2
    assert elsewhere.received == []
