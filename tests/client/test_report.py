from __future__ import annotations

import dataclasses
import json

import pytest

from airflow_provider_planet_reports.client.errors import InvalidResponse
from airflow_provider_planet_reports.client.report import Report

#: The example object of the public reference, with a field that it does not know.
SOURCE = {
    "report_id": "8f6b",
    "contents": ["https://files.example/8f6b/1?sig=s3cret", "https://files.example/8f6b/2"],
    "org_id": 4321,
    "plan_id": 1001,
    "data_date_start": "2026-01-01",
    "data_date_end": "2026-01-31",
    "report_type": "detailed",
    "num_rows": 12,
    "cadence": "monthly",
    "has_footprint": True,
    "_links": {"self": "https://api.example/reports/v1/8f6b"},
    "new_field": {"deep": [1]},
}


def test_it_has_the_references_fields_and_keeps_the_others():
    report = Report.from_dict(SOURCE)
    for field in dataclasses.fields(Report):
        if field.name not in ("contents", "_source"):
            assert getattr(report, field.name) == SOURCE[field.name]
    assert report.contents == tuple(SOURCE["contents"])
    assert report.self_link == "https://api.example/reports/v1/8f6b"
    assert json.loads(json.dumps(report.to_dict())) == SOURCE
    assert Report.from_dict(report.to_dict()) == report


def test_what_it_gives_away_is_a_copy():
    report = Report.from_dict(SOURCE)
    report.to_dict()["new_field"]["deep"].append(2)
    assert report.to_dict() == SOURCE


def test_a_report_made_by_hand_describes_itself():
    made = Report("a", contents=("https://files.example/1",), num_rows=3)
    assert Report.from_dict(made.to_dict()) == made


def test_links_are_not_shown():
    assert "s3cret" not in repr(Report.from_dict(SOURCE))


def test_only_the_id_is_needed():
    report = Report.from_dict({"report_id": "a"})
    assert report.contents == ()
    assert report.num_rows is report.self_link is None
    assert Report.from_dict({"report_id": "a", "contents": None}).contents == ()


def test_a_number_is_an_id_too():
    assert Report.from_dict({"report_id": 17}).report_id == "17"


@pytest.mark.parametrize(
    "links", [{"_self": "https://api.example/a"}, {"self": "https://api.example/a"}]
)
def test_its_own_address_has_two_spellings(links):
    assert (
        Report.from_dict({"report_id": "a", "_links": links}).self_link == "https://api.example/a"
    )


@pytest.mark.parametrize("links", [None, [], "x", {}, {"self": 3}])
def test_links_of_another_shape_are_no_address(links):
    assert Report.from_dict({"report_id": "a", "_links": links}).self_link is None


@pytest.mark.parametrize("rows", [77, "77", 77.0, "77.0"])
def test_a_number_of_rows_may_be_text_or_a_float(rows):
    report = Report.from_dict({"report_id": "a", "num_rows": rows})
    assert (report.num_rows, type(report.num_rows)) == (77, int)
    assert report.to_dict()["num_rows"] == rows


@pytest.mark.parametrize("rows", [None, "", "many", "1e3", "٣", "9" * 5000, 1.5, True, [77]])
def test_only_a_whole_number_counts_rows(rows):
    assert Report.from_dict({"report_id": "a", "num_rows": rows}).num_rows is None


def test_odd_values_break_nothing():
    odd = {"data_date_start": ["2026-01-01"], "data_date_end": {}, "plan_id": [], "cadence": 7}
    report = Report.from_dict({"report_id": "a", **odd})
    assert report in {report}
    assert report.to_dict() == {"report_id": "a", **odd}
    assert report.without_secrets("https://api.example/").same_content(report)


def test_empty_links_stay_as_they_came():
    assert Report.from_dict({"report_id": "a", "contents": ["", "b"]}).contents == ("", "b")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_none_makes_no_report(number):
    with pytest.raises(InvalidResponse, match="Report 'a' cannot be kept as JSON"):
        Report.from_dict({"report_id": "a", "new": [{"deep": number}]})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ([], "A report must be a JSON object, not list."),
        (None, "A report must be a JSON object, not NoneType."),
        ({"id": "a"}, "A report has no usable report_id (None); it has ['id']."),
        ({"report_id": ""}, "A report has no usable report_id ('')"),
        ({"report_id": True}, "A report has no usable report_id (True)"),
        ({"report_id": ["a"]}, "A report has no usable report_id (['a'])"),
        ({"report_id": "a", "contents": "x"}, "Report 'a': contents must be a list of links"),
        ({"report_id": "a", "contents": [None]}, "Report 'a': contents must be a list of links"),
        (
            {"report_id": "a", "contents": {"1": "x"}},
            "Report 'a': contents must be a list of links",
        ),
    ],
)
def test_what_is_no_report_says_why(source, said):
    with pytest.raises(InvalidResponse) as caught:
        Report.from_dict(source)
    assert str(caught.value).startswith(said)


def nested(levels):
    """An object of so many levels, lists and objects in turn."""
    value = {}
    for level in range(levels - 1):
        value = [value] if level % 2 else {"deeper": value}
    return value


def test_as_deep_as_anybody_needs_it_is_copied_cleared_and_written():
    source = {"report_id": "a", "new_field": nested(49)}
    report = Report.from_dict(source)
    assert json.loads(json.dumps(report.to_dict())) == source
    assert report.without_secrets("https://api.example/") == report


@pytest.mark.parametrize("odd", [nested(100_000), object(), {1, 2}], ids=["deep", "object", "set"])
def test_what_json_cannot_hold_is_refused_before_anything_breaks_on_it(odd):
    with pytest.raises(InvalidResponse, match="'a' cannot be kept as JSON"):
        Report.from_dict({"report_id": "a", "new_field": odd})


def test_a_report_that_is_nested_too_deeply_to_be_kept_says_so():
    report = Report.from_dict({"report_id": "a", "new_field": nested(900)})
    with pytest.raises(InvalidResponse, match="Report 'a' is nested too deeply"):
        report.without_secrets("https://api.example/")


def test_what_is_no_report_is_not_repeated_at_length():
    with pytest.raises(InvalidResponse) as caught:
        Report.from_dict(
            {"report_id": ["x" * 10_000] * 10_000, **dict.fromkeys(map(str, range(10_000)))}
        )
    assert len(str(caught.value)) < 500


def test_fresh_links_do_not_make_another_content():
    report = Report.from_dict(SOURCE)
    renewed = Report.from_dict(
        {**SOURCE, "contents": ["https://b.example/1", "https://b.example/2"]}
    )
    assert report.same_content(renewed)


@pytest.mark.parametrize(
    "change", [{"contents": ["x"]}, {"num_rows": 13}, {"data_date_end": "2026-01-30"}]
)
def test_other_parts_or_figures_make_another_content(change):
    assert not Report.from_dict(SOURCE).same_content(Report.from_dict({**SOURCE, **change}))


def test_content_links_are_left_out_of_what_is_kept_where_one_opens_its_file_by_itself():
    mine, signed = "https://api.example/a/1", "https://files.example/a/2?sig=5ec2e7"
    bare = Report.from_dict({**SOURCE, "contents": [mine]})
    assert bare.without_secrets("https://api.example/") == bare
    kept = Report.from_dict({**SOURCE, "contents": [mine, signed]}).without_secrets(
        "https://api.example/"
    )
    assert kept.to_dict() == {**bare.to_dict(), "contents": []}
