"""Receipts: they say what was landed, to people too, and give no secret away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from landings import land
from memory_store import MemoryStore

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import report_landing
from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt

TASK = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": 3, "try_number": 2}


NOW = "2026-11-02T06:00:00+00:00"


def issue(report: Report, **options: Any) -> Receipt:
    key = ReportKey.of(report)
    files = (
        LandedFile(f"{key.folder}part-00001-0f.csv", 27, "ab" * 32, 2),
        LandedFile(f"{key.folder}part-00002-0f.zip", 9, "cd" * 32, None),
    )
    given = {
        "report": report.redacted_dict(), "files": files, "landed_at": NOW, "landed_by": TASK,
        "first_landed_at": NOW, **options,
    }  # fmt: skip
    return Receipt(key, "0f", **given)


def read(data: bytes, report: Report) -> Receipt:
    return Receipt.from_json(data, ReportKey.of(report), "s3://b/_receipts/0a1b.json")


def changed(report: Report, /, **changes: Any) -> bytes:
    return json.dumps({**json.loads(issue(report).to_json()), **changes}).encode()


def test_a_receipt_reads_back_as_it_was_written(report: Report) -> None:
    receipt = issue(report)
    found = read(receipt.to_json(), report)
    assert vars(found) == {**vars(receipt), "written": found.written}
    assert found.report_id == "0a1b"


def test_no_receipt_is_written_twice_in_the_same_bytes(report: Report) -> None:
    """Equal objects have equal entity tags: a condition could not tell them apart."""
    receipt = issue(report)
    assert len({receipt.to_json() for _ in range(20)}) == 20


def test_a_receipt_says_what_was_landed_when_by_whom_and_by_which_version(report: Report) -> None:
    stored = json.loads(issue(report).to_json())
    assert stored["report"]["some_new_field"] == {"kept": True}
    assert stored["files"][0] == {
        "name": f"{ReportKey.of(report).folder}part-00001-0f.csv", "bytes": 27,
        "sha256": "ab" * 32, "rows": 2,
    }  # fmt: skip
    assert stored["landed_at"] == stored["first_landed_at"] == NOW
    assert stored["landed_by"] == TASK
    assert stored["provider_version"] == __version__
    assert stored["format"] == 1


def test_when_and_by_whom_a_report_was_landed_first_survives_landing_it_again(
    memory: MemoryStore, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter(["2026-11-02T00:00:00+00:00", "2026-11-03T00:00:00+00:00"])
    monkeypatch.setattr(report_landing, "_now", lambda: next(times))
    first = land(memory, report, b"a\n1\n", run="first")
    again = land(memory, report, b"a\n2\n", run="later", overwrite=True)
    assert first is not None
    assert again is not None
    assert first.landed_at == first.first_landed_at == again.first_landed_at
    assert again.landed_at == "2026-11-03T00:00:00+00:00"
    assert again.landed_by["run_id"] == "later"
    assert again.first_landed_by == first.landed_by == first.first_landed_by


def test_a_receipt_that_does_not_say_who_landed_first_can_be_read(report: Report) -> None:
    stored = json.loads(issue(report).to_json())
    del stored["first_landed_by"]
    assert read(json.dumps(stored).encode(), report).first_landed_by == {}


def test_a_receipt_has_no_signature_and_no_query(report: Report) -> None:
    text = issue(report).to_json().decode()
    assert "https://files.example/0a1b/1" in text
    assert "5ec2e7" not in text
    assert "?" not in text


def test_a_receipt_takes_any_id_there_can_be(report: Report) -> None:
    odd = Report.from_dict({**report.to_dict(), "report_id": "\ud800\0日"})
    assert read(issue(odd).to_json(), odd).report_id == "\ud800\0日"


def test_a_receipt_of_a_later_version_asks_to_upgrade_not_to_land_again(report: Report) -> None:
    later = changed(report, format=2, files="elsewhere", provider_version="9.0")
    with pytest.raises(UnreadableReceipt, match=r"^Upgrade .* was written by 9\.0") as caught:
        read(later, report)
    assert "overwrite" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff\xfe", b"null", b"[]", b'"text"', b"7", b"[" * 100_000, b'{"format": 1}'],
)
def test_a_damaged_receipt_says_where_it_is_and_what_to_do(report: Report, data: bytes) -> None:
    with pytest.raises(UnreadableReceipt, match=r"^Receipt damaged: .*'0a1b' again with") as caught:
        read(data, report)
    assert "s3://b/_receipts/0a1b.json" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"report": None}, {"report": {}}, {"report": "0a1b"}, {"report": {"report_id": "other"}},
        {"files": None}, {"files": [{"name": "a"}]}, {"files": ["a"]}, {"unknown": 1},
    ],
)  # fmt: skip
def test_a_receipt_that_lacks_or_has_something_is_damaged(
    report: Report, changes: dict[str, Any]
) -> None:
    with pytest.raises(UnreadableReceipt):
        read(changed(report, **changes), report)


@pytest.mark.parametrize(
    "name",
    ["../other/part.csv", "part.csv", "{folder}../0a1c/part.csv", "{folder}", "{folder}..",
     "{folder}x/part.csv", "/etc/passwd", "{folder}.", 7],
)  # fmt: skip
def test_a_file_name_counts_only_inside_of_the_reports_own_folder(
    report: Report, name: Any
) -> None:
    """Otherwise landing the report again would delete a neighbour's files."""
    name = name.format(folder=ReportKey.of(report).folder) if isinstance(name, str) else name
    files = [{"name": name, "bytes": 1, "sha256": "ab", "rows": 1}]
    with pytest.raises(UnreadableReceipt):
        read(changed(report, files=files), report)


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
    assert issue(report).is_from_earlier_try(now) is expected


def test_what_was_landed_outside_of_airflow_is_from_no_earlier_try(report: Report) -> None:
    assert not issue(report, landed_by={}).is_from_earlier_try(TASK)
    assert not issue(report, landed_by={}).is_from_earlier_try({})
