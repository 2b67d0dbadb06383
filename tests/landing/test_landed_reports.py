"""What is landed, for tasks that use it: from the receipts alone, whichever run landed it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from landings import land

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import landed_reports
from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.stores.local import LocalStore


def described(day: int, org_id: int = 4321) -> Report:
    return Report.from_dict(
        {
            "report_id": f"r{day}", "org_id": org_id, "plan_id": 1001, "report_type": "summary",
            "cadence": "daily", "data_date_start": f"2026-11-0{day}T00:00:00Z",
            "data_date_end": f"2026-11-0{day}", "num_rows": 1,
        }
    )  # fmt: skip


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    for day in (2, 1, 3):
        land(LocalStore(tmp_path), described(day, org_id=4321 if day < 3 else 5), b"a\n1\n")
    return tmp_path


def test_each_landed_report_is_described_with_its_files(lake: Path) -> None:
    first, *_ = landed_reports(lake.as_uri())
    (file,) = first.pop("files")
    path = Path(file.pop("uri").removeprefix("file://"))
    assert path.read_bytes() == b"a\n1\n"
    assert file == {"bytes": 4, "rows": 1, "sha256": file["sha256"]}
    assert Path(first.pop("receipt").removeprefix("file://")).is_file()
    assert first == {
        "report_id": "r1", "org_id": 4321, "plan_id": 1001, "report_type": "summary",
        "cadence": "daily", "data_date_start": "2026-11-01T00:00:00Z",
        "data_date_end": "2026-11-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["r1", "r2", "r3"]),
        ({"start": dt.date(2026, 11, 2)}, ["r2", "r3"]),
        ({"start": "2026-11-02", "end": "2026-11-02"}, ["r2"]),
        ({"org_id": "04321"}, ["r1", "r2"]),
        ({"plan_id": 1001, "report_type": "summary", "cadence": "daily"}, ["r1", "r2", "r3"]),
        ({"cadence": "monthly"}, []),
    ],
)
def test_filters_are_those_of_the_listing_and_the_oldest_data_comes_first(
    lake: Path, filters: dict[str, object], found: list[str]
) -> None:
    assert [each["report_id"] for each in landed_reports(lake.as_uri(), **filters)] == found


def test_a_receipt_that_cannot_be_read_is_named_after_all_others(lake: Path) -> None:
    (lake / ReportKey.of(described(1)).receipt).write_bytes(b"[]")
    found = []
    with pytest.raises(UnreadableReceipt, match="'r1'"):
        for each in landed_reports(lake.as_uri()):
            found.append(each["report_id"])
    assert found == ["r2", "r3"]


def test_a_day_that_is_none_is_refused(lake: Path) -> None:
    with pytest.raises(InvalidInput, match="start='yesterday' is not a day"):
        list(landed_reports(lake.as_uri(), start="yesterday"))
