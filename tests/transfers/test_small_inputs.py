"""Small inputs that real tools met, as the landing operator meets them."""

from __future__ import annotations

import json

import pytest
from surroundings import TESTS, connect

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.landing import landed_reports
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

CASES = TESTS / "cases"
API = "https://api.example/reports/v1"
SIGNED = "https://files.example/a.csv?X-Amz-Signature=5ec4e7"
#: Rows of each file, as landing counts them; None where it cannot.
ROWS = {
    "closing_total.csv": 3,
    "latin1.csv": 1,
    "bom_crlf_quotes.csv": 1,
    "two_members.csv.gz": 2,
    "two_files.zip": None,
    "header_only.csv": 0,
    "empty.csv": 0,
}


@pytest.fixture
def zone(tmp_path, monkeypatch):
    connect(monkeypatch, "key", API, extra={"max_retries": 0})
    return (tmp_path / "zone").as_uri()


def land(zone):
    operator = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=zone, row_count_check="fail"
    )
    return operator.execute({})


def one_report(link=f"{API}/a/1"):
    report = {
        "report_id": "a", "contents": [link], "plan_id": 7, "data_date_start": "2026-11-20",
        "report_type": "summary", "cadence": "daily", "_links": {"self": f"{API}/a"},
    }  # fmt: skip
    return {"reports": [report], "_links": {}}


def content(name):
    return (CASES / name).read_bytes()


@pytest.mark.parametrize("name", ROWS)
def test_a_file_is_landed_as_it_is_and_its_rows_are_counted(requests_mock, zone, name):
    requests_mock.get(f"{API}/", json=one_report())
    requests_mock.get(f"{API}/a/1", content=content(name))
    ((file,),) = (report["files"] for report in land(zone))
    assert (file["bytes"], file["rows"]) == (len(content(name)), ROWS[name])


@pytest.mark.parametrize("name", ["cut.csv.gz", "content_is_json.json"])
def test_what_is_no_whole_report_is_a_named_failure_and_not_landed(requests_mock, zone, name):
    requests_mock.get(f"{API}/", json=one_report(SIGNED))
    requests_mock.get(f"{API}/a", json=one_report(SIGNED)["reports"][0])
    requests_mock.get(SIGNED, content=content(name))
    with pytest.raises(PlanetReportsTaskError, match="report 'a'") as failure:
        land(zone)
    assert "5ec4e7" not in str(failure.value)
    assert [*landed_reports(zone)] == []


def test_a_link_that_has_expired_is_asked_for_again_once(requests_mock, zone):
    fresh = SIGNED.replace("5ec4e7", "f4e54")
    requests_mock.get(f"{API}/", json=one_report(SIGNED))
    requests_mock.get(SIGNED, status_code=400, content=content("expired_link_400.xml"))
    asked = requests_mock.get(f"{API}/a", json=one_report(fresh)["reports"][0])
    requests_mock.get(fresh, content=content("closing_total.csv"))
    assert [file["rows"] for report in land(zone) for file in report["files"]] == [3]
    assert asked.call_count == 1


@pytest.fixture
def odd_listing(requests_mock):
    listing = json.loads(content("listing_odd_values.json"))
    requests_mock.get(f"{API}/", json=listing)
    for report in listing["reports"]:
        if "report_id" in report:
            requests_mock.get(f"{API}/{report['report_id']}", json=report)


@pytest.mark.usefixtures("odd_listing")
def test_odd_values_of_a_listing_cost_their_entries_alone(requests_mock, zone):
    requests_mock.get(f"{API}/good-1/content/1", text="date,usage\n2026-11-20,1\n2026-11-20,2\n")
    with pytest.raises(PlanetReportsTaskError) as failure:
        land(zone)
    assert "good-2" in str(failure.value)
    assert "entry of the listing" in str(failure.value)
    landed = {report["report_id"]: report for report in landed_reports(zone)}
    assert landed.keys() == {"good-1", "nofiles"}
    assert "data_date=2026-11-20/" in landed["good-1"]["receipt"]
    assert landed["good-1"]["files"][0]["rows"] == 2
    assert landed["nofiles"]["files"] == []


@pytest.mark.usefixtures("odd_listing")
def test_their_rows_are_compared_with_what_was_announced(requests_mock, zone):
    requests_mock.get(f"{API}/good-1/content/1", text="date,usage\n2026-11-20,1\n")
    with pytest.raises(PlanetReportsTaskError, match="'good-1' has 1 rows, but num_rows=2"):
        land(zone)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("refusal_field.json", "plan_id: Plan 77 is not part of this organization"),
        ("refusal_general_and_field.json", "start: must not be before 2019-01-01"),
    ],
)
def test_a_refusal_says_why(requests_mock, zone, name, reason):
    requests_mock.get(f"{API}/", status_code=400, content=content(name))
    with pytest.raises(PlanetReportsTaskFailure) as failure:
        land(zone)
    assert reason in str(failure.value)
