"""Where things are: readable for every engine, and safe for every id."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_planet_reports.client.errors import InvalidInput
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import layout

NASTY = [
    "../../etc/passwd", "..", ".", "a/b", "a\\b", "_index", "_index.json.gz", ".hidden", "end.",
    "a b", "a%2Fb", "%", "a\0b", "\x1b[2J", "Åker", "日本", "\ud800", "a?b#c", "s3://x", "~", "-rf",
    "key=value", "__HIVE_DEFAULT_PARTITION__",
]  # fmt: skip
#: Any text that JSON can carry, lone surrogates and control characters included.
ANY_ID = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=[]), min_size=1, max_size=27
)


def test_data_lies_where_the_contract_says(report: Report) -> None:
    folder = layout.data_folder(report)
    assert folder + layout.part_name(1, ".csv") == (
        "report_type=detailed/cadence=daily/plan_id=1001/data_date=2026-11-01/0a1b/part-00001.csv"
    )
    assert layout.receipt_key(report.report_id) == "_receipts/0a1b.json"


@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_value_is_what_hive_readers_take_for_null(
    report: Report, missing: str | None
) -> None:
    bare = replace(
        report, report_type=missing, cadence=missing, plan_id=missing, data_date_start=missing
    )
    null = "__HIVE_DEFAULT_PARTITION__"
    assert layout.data_folder(bare) == (
        f"report_type={null}/cadence={null}/plan_id={null}/data_date={null}/0a1b/"
    )


def test_a_value_that_spells_null_is_not_null(report: Report) -> None:
    folder = layout.data_folder(replace(report, cadence="__HIVE_DEFAULT_PARTITION__"))
    assert "cadence=%5F_HIVE_DEFAULT_PARTITION__/" in folder


def test_a_partition_value_cannot_leave_its_folder(report: Report) -> None:
    folder = layout.data_folder(replace(report, plan_id="../../x", data_date_start="a/b=c"))
    assert "/plan_id=%2E.%2F..%2Fx/data_date=a%2Fb%3Dc/" in folder
    assert folder.count("/") == 5


@given(ANY_ID)
def test_any_id_becomes_one_safe_segment(name: str) -> None:
    safe = layout.segment(name)
    # The first character can't hide the file, the last is one that Azure keeps.
    assert re.fullmatch(r"[A-Za-z0-9%-]([A-Za-z0-9._%-]*[A-Za-z0-9_%-])?", safe)
    assert len(f"{safe}.json".encode()) <= 255


@given(ANY_ID)
def test_a_segment_gives_its_id_back(name: str) -> None:
    assert layout.name_of(layout.segment(name)) == name


@given(ANY_ID, ANY_ID)
def test_no_two_ids_meet(one: str, other: str) -> None:
    assert (layout.segment(one) == layout.segment(other)) is (one == other)


@pytest.mark.parametrize(("one", "other"), [("a/b", "a%2Fb"), ("_a", "%5Fa"), ("a.", "a%2E")])
def test_an_id_that_looks_escaped_does_not_meet_the_one_it_looks_like(one: str, other: str) -> None:
    assert layout.segment(one) != layout.segment(other)


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty report id"):
        layout.segment("")


@pytest.mark.parametrize("name", ["x" * 300, "日" * 40])
def test_an_id_too_long_for_a_name_is_refused_with_the_limit(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"too long to land.*250 are allowed") as refusal:
        layout.segment(name)
    assert len(str(refusal.value)) < 200


def test_the_longest_id_still_fits_with_its_ending() -> None:
    assert len(layout.receipt_key("x" * 250).removeprefix(layout.RECEIPTS)) == 255


@given(ANY_ID)
def test_a_receipts_key_tells_whose_it_is(name: str) -> None:
    assert layout.receipt_id(layout.receipt_key(name)) == name


@pytest.mark.parametrize(
    "key",
    [
        "_receipts/_index.json.gz", "_receipts/_x.json", "_receipts/.0f1e.tmp",
        "_receipts/.0f1e.json", "_receipts/.json", "_receipts/0a1b.json.bak", "_receipts/x/y.json",
        "_receipts/", "elsewhere/0a1b.json", "0a1b.json",
    ],
)  # fmt: skip
def test_what_is_no_receipt_counts_for_none(key: str) -> None:
    assert layout.receipt_id(key) is None


@pytest.mark.parametrize("name", ["%FF.json", "a b.json", "0%61.json", "copy of 0a1b.json"])
def test_a_foreign_file_among_the_receipts_counts_for_none(name: str) -> None:
    assert layout.receipt_id(f"_receipts/{name}") is None
