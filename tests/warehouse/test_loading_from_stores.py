"""Loading from every kind of store: reports as they are landed now, and receipts read only once."""

from __future__ import annotations

import pytest
from landings import land

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import zone
from airflow_provider_planet_reports.warehouse import load_reports

pytestmark = pytest.mark.parametrize("ground", ["file", "moto", "azurite", "google"], indirect=True)


@pytest.fixture
def lands(ground):
    """Land a summary of some bytes; return its receipt."""

    def lands(report_id, data, *, day="2026-11-01", overwrite=False):
        fields = {"report_type": "summary", "cadence": "daily", "plan_id": 7, "contents": []}
        fields |= {"report_id": report_id, "data_date_start": day, "data_date_end": day}
        return land(ground.open(), Report.from_dict(fields), data, overwrite=overwrite)

    return lands


@pytest.fixture
def load(ground, duckdb_warehouse):
    def load(**options):
        return load_reports(ground.url, duckdb_warehouse.url, **options)

    return load


@pytest.fixture
def receipts_read(monkeypatch):
    """The ids of the reports whose receipts are read."""
    ids, read = [], zone.read_receipt

    def noted(store, key):
        ids.append(key.report_id)
        return read(store, key)

    monkeypatch.setattr(zone, "read_receipt", noted)
    return ids


def test_reports_are_loaded_and_replaced_when_they_are_landed_anew(lands, load, duckdb_warehouse):
    for number in range(40):
        lands(f"{number:02}", b"n\n%d\n" % number, day=f"2026-11-{1 + number % 20:02}")
    assert load().reports == 40
    lands("07", b"n\n7\n70\n", day="2026-11-08", overwrite=True)
    assert load().to_dict() == {"reports": 1, "rows": 2, "tables": {"summary_daily": 2}}
    found = duckdb_warehouse.rows("n")
    assert sorted(int(n) for (n,) in found) == sorted([*range(40), 70])


def test_what_is_loaded_and_has_not_changed_costs_a_listing_only(lands, load, receipts_read):
    for name in ("a", "b", "c"):
        lands(name, b"n\n1\n")
    assert load().reports == 3
    receipts_read.clear()
    assert load().reports == 0
    assert receipts_read == []
    lands("d", b"n\n1\n")
    assert load().reports == 1
    assert receipts_read == ["d"]


def test_a_receipt_of_the_same_size_is_not_taken_for_the_one_that_was_loaded(
    lands, load, duckdb_warehouse
):
    before = lands("a", b"n\n1\n")
    load()
    after = lands("a", b"n\n2\n", overwrite=True)
    assert len(before.to_json()) == len(after.to_json())
    assert load().reports == 1
    assert duckdb_warehouse.rows("n") == [("2",)]


def test_a_report_landed_anew_with_equal_bytes_is_not_loaded_again_and_read_once(
    lands, load, receipts_read
):
    lands("a", b"n\n1\n")
    load()
    lands("a", b"n\n1\n", overwrite=True)
    receipts_read.clear()
    assert load().reports == 0
    assert receipts_read == ["a"]
    assert load().reports == 0
    assert receipts_read == ["a"]


def test_what_an_earlier_try_has_loaded_is_told_again(lands, load):
    lands("a", b"n\n1\n")
    load(loaded_by="another run")
    lands("b", b"n\n1\n")
    assert [each.report_id for each in load(loaded_by="this run").by_us] == ["b"]
    assert [each.report_id for each in load(loaded_by="this run").by_us] == ["b"]
