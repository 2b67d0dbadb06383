"""Receipts: they say what was landed, to people too, and give no secret away."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt

FILES = (
    LandedFile("a/part-00001.csv", 27, "ab" * 32, 2),
    LandedFile("a/p.zip", 9, "cd" * 32, None),
)
TASK = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 3, "try_number": 2}


def test_a_receipt_reads_back_as_it_was_written(report: Report) -> None:
    receipt = Receipt.issue(report, FILES, TASK)
    assert Receipt.from_json(receipt.to_json(), "here") == receipt
    assert receipt.report_id == "0a1b"


def test_a_receipt_of_a_later_version_asks_to_upgrade_not_to_be_deleted(report: Report) -> None:
    later = {**Receipt.issue(report, FILES, TASK).to_dict(), "format": 2, "files": "elsewhere"}
    with pytest.raises(DestinationError, match="here was written by a later version") as caught:
        Receipt.from_dict({**later, "provider_version": "9.0"}, "here")
    assert "9.0: upgrade this one" in str(caught.value)
    assert "delete" not in str(caught.value)


def test_a_receipt_says_what_was_landed_when_by_whom_and_by_which_version(report: Report) -> None:
    before = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
    stored = json.loads(Receipt.issue(report, FILES, TASK).to_json())
    assert stored["report"]["some_new_field"] == {"kept": True}
    assert stored["files"][0] == {
        "name": "a/part-00001.csv", "bytes": 27, "sha256": "ab" * 32, "rows": 2,
    }  # fmt: skip
    assert before <= dt.datetime.fromisoformat(stored["landed_at"])
    assert stored["landed_by"] == TASK
    assert stored["provider_version"] == __version__
    assert stored["format"] == 1


def test_a_receipt_has_no_signature_and_no_query(report: Report) -> None:
    text = Receipt.issue(report, FILES, TASK).to_json().decode()
    assert "https://files.example/0a1b/1" in text
    assert "5ec2e7" not in text
    assert "?" not in text


def test_a_receipt_takes_any_id_there_can_be(report: Report) -> None:
    odd = Report.from_dict({**report.to_dict(), "report_id": "\ud800\0日"})
    receipt = Receipt.issue(odd, FILES, {})
    assert Receipt.from_json(receipt.to_json(), "here").report_id == "\ud800\0日"


def damaged(**changes: Any) -> bytes:
    whole = Receipt.issue(Report.from_dict({"report_id": "0a1b"}), FILES, TASK).to_dict()
    return json.dumps({**whole, **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b'"text"', b"7", damaged()[:-20],
        damaged(report=None), damaged(report={}), damaged(report="0a1b"), damaged(files=None),
        damaged(files=[{"name": "a"}]), damaged(files=["a"]),
        damaged(landed_by=None), b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_damaged_receipt_says_where_it_is_and_to_delete_it(data: bytes) -> None:
    with pytest.raises(DestinationError, match=r"^s3://b/_receipts/0a1b.json .*delete it"):
        Receipt.from_json(data, "s3://b/_receipts/0a1b.json")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({**TASK, "try_number": 3}, True),
        (TASK, False),
        ({**TASK, "try_number": 1}, False),
        ({**TASK, "try_number": 3, "run_id": "other"}, False),
        ({**TASK, "try_number": 3, "dag_id": "other"}, False),
        ({**TASK, "try_number": 3, "task_id": "other"}, False),
        ({**TASK, "try_number": 3, "map_index": 4}, False),
        ({}, False),
    ],
)
def test_only_an_earlier_try_of_the_same_task_instance_is_one(
    report: Report, now: dict[str, Any], expected: bool
) -> None:
    assert Receipt.issue(report, FILES, TASK).is_from_earlier_try(now) is expected


def test_what_was_landed_outside_of_airflow_is_from_no_earlier_try(report: Report) -> None:
    assert not Receipt.issue(report, FILES, {}).is_from_earlier_try(TASK)
    assert not Receipt.issue(report, FILES, {}).is_from_earlier_try({})
