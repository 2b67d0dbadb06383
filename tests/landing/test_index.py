"""The index: it saves thousands of requests, and is never believed against a receipt."""

from __future__ import annotations

import gzip
import json
import logging
from collections import Counter

import pytest
from grounds import MemoryStore

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import layout
from airflow_provider_planet_reports.landing.index import KEY
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.zone import LandingZone


def receipt(report_id: str, run: str = "first") -> Receipt:
    return Receipt.issue(Report.from_dict({"report_id": report_id}), (), {"run_id": run})


def issue(store: MemoryStore, *receipts: Receipt) -> None:
    for each in receipts:
        store.put(layout.receipt_key(each.report_id), each.to_json())


def fill(store: MemoryStore, count: int) -> list[str]:
    ids = [f"report-{number}" for number in range(count)]
    issue(store, *map(receipt, ids))
    return ids


def read_all(store: MemoryStore, ids: list[str]) -> dict[str, Receipt]:
    """What a task does that finds everything landed already; the journal has its operations."""
    store.journal.clear()
    zone = LandingZone(store)
    assert zone.landed() == frozenset(ids)
    return zone.receipts(ids)


def operations(store: MemoryStore) -> Counter[str]:
    return Counter(operation for operation, _ in store.journal)


def test_ten_thousand_landed_reports_cost_one_listing_and_one_reading(memory: MemoryStore) -> None:
    ids = fill(memory, 10_000)
    slowly = read_all(memory, ids)
    assert operations(memory)["read"] == 10_001
    quickly = read_all(memory, ids)
    assert memory.journal == [("list", layout.RECEIPTS), ("read", KEY)]
    assert quickly == slowly
    assert list(quickly) == ids


def test_what_a_run_has_landed_is_indexed_without_being_read(memory: MemoryStore) -> None:
    ids = fill(memory, 100)
    memory.journal.clear()
    LandingZone(memory).remember({report_id: receipt(report_id) for report_id in ids})
    assert all(key == KEY for operation, key in memory.journal if operation == "read")
    read_all(memory, ids)
    assert memory.journal == [("list", layout.RECEIPTS), ("read", KEY)]


def test_a_run_keeps_what_was_in_the_index_before_it(memory: MemoryStore) -> None:
    ids = fill(memory, 100)
    read_all(memory, ids)
    more = [f"later-{number}" for number in range(100)]
    issue(memory, *map(receipt, more))
    LandingZone(memory).remember({report_id: receipt(report_id) for report_id in more})
    read_all(memory, [*ids, *more])
    assert operations(memory)["read"] == 1


def test_few_receipts_are_read_themselves_and_make_no_index(memory: MemoryStore) -> None:
    ids = fill(memory, 99)
    read_all(memory, ids)
    LandingZone(memory).remember({report_id: receipt(report_id) for report_id in ids})
    assert operations(memory) == {"list": 1, "read": 99}
    assert KEY not in memory.objects


def test_a_rewritten_receipt_is_read_and_not_what_the_index_knew_of_it(
    memory: MemoryStore,
) -> None:
    ids = fill(memory, 200)
    read_all(memory, ids)
    issue(memory, receipt("report-7", run="second"))
    receipts = read_all(memory, ids)
    assert receipts["report-7"].landed_by == {"run_id": "second"}
    assert [key for operation, key in memory.journal if operation == "read"] == [
        KEY,
        layout.receipt_key("report-7"),
    ]


def test_a_deleted_receipt_is_not_landed_although_the_index_has_it(memory: MemoryStore) -> None:
    ids = fill(memory, 150)
    read_all(memory, ids)
    memory.delete(layout.receipt_key(ids.pop()))
    assert list(read_all(memory, ids)) == ids


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return (
        data[:middle]
        + bytes(255 - byte for byte in data[middle : middle + 40])
        + data[middle + 40 :]
    )


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-30],
        lambda data: b"not gzip",
        flipped,
        lambda data: gzip.compress(b"not JSON"),
        lambda data: gzip.compress(b"[1]"),
        lambda data: gzip.compress(json.dumps({"report-1": "x"}).encode()),
        lambda data: gzip.compress(json.dumps({"report-1": [1, 2, 3]}).encode()),
    ],
    ids=["empty", "cut", "not gzip", "flipped bits", "not JSON", "a list", "text", "triples"],
)
def test_a_damaged_index_costs_a_warning_and_is_written_anew(
    memory: MemoryStore, caplog: pytest.LogCaptureFixture, damage
) -> None:
    ids = fill(memory, 100)
    right = read_all(memory, ids)
    memory.put(KEY, damage(memory.objects[KEY]))
    assert read_all(memory, ids) == right
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert f"memory://{KEY} can't be used" in caplog.text
    read_all(memory, ids)
    assert operations(memory)["read"] == 1


def test_an_entry_that_is_no_receipt_is_not_believed(
    memory: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    ids = fill(memory, 100)
    stamp = memory.stamps[layout.receipt_key("report-1")]
    memory.put(KEY, gzip.compress(json.dumps({"report-1": [stamp, {"report": {}}]}).encode()))
    assert read_all(memory, ids)["report-1"].landed_by == {"run_id": "first"}
    assert "can't be used" in caplog.text


class WithoutIndex(MemoryStore):
    """A destination where the index is beyond reach."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def do(self, operation, key, effect):
        if key == KEY:
            raise self._error
        return super().do(operation, key, effect)


@pytest.mark.parametrize(
    "error",
    [PermissionError("no"), RuntimeError("what a cloud's own library raises")],
)
def test_an_index_that_cannot_be_reached_costs_warnings_and_nothing_else(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    store = WithoutIndex(error)
    ids = fill(store, 100)
    assert list(read_all(store, ids)) == ids
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
