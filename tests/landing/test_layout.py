"""Where things are: readable for every engine, and safe for every id."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import layout
from airflow_provider_planet_reports.landing.layout import ReportKey

#: Bytes that object stores' limit of 1,024 leaves for a destination's prefix.
LONGEST_PREFIX = 1024 - layout.LONGEST_KEY - len("/")
NASTY = [
    "../../etc/passwd", "..", ".", "a/b", "a\\b", "_index", "_index.json.gz", ".hidden", "end.",
    "a b", "a%2Fb", "%", "a\0b", "\x1b[2J", "Åker", "日本", "\ud800", "a?b#c", "s3://x", "~", "-rf",
    "key=value", "../" * 9, "%2E%2E%2F" * 9, "%252E", "CON", "_receipts", "a\r\nb",
    "__HIVE_DEFAULT_PARTITION__",
]  # fmt: skip
#: Any text that JSON can carry, lone surrogates and control characters included.
ANY_NAME = (
    st.sampled_from(NASTY)
    | st.text(st.characters(exclude_categories=[]), min_size=1, max_size=27)
    | st.text(st.sampled_from("./\\%25FEe_-=~\r\n\0"), min_size=1, max_size=50)
    | st.builds(str.__mul__, st.sampled_from("xX_."), st.integers(200, 260))
)


def test_data_lies_where_the_contract_says(report: Report) -> None:
    folder = "report_type=detailed/cadence=daily/plan_id=1001/data_date=2026-11-01"
    key = ReportKey.of(report)
    assert key.folder == f"{folder}/0a1b/"
    assert key.receipt == f"_receipts/{folder}/0a1b.json"


@pytest.mark.parametrize("date", ["2026-11-23T00:00:00Z", "2026-11-23 00:00:00", "2026-11-23"])
def test_a_date_with_a_time_in_it_is_that_days_partition(report: Report, date: str) -> None:
    assert ReportKey.of(replace(report, data_date_start=date)).day == "data_date=2026-11-23"


@pytest.mark.parametrize(
    "change",
    [{"report_type": "summary"}, {"cadence": "monthly"}, {"plan_id": 2},
     {"data_date_start": "2026-11-02"}, {"report_id": "0a1c"}],
)  # fmt: skip
def test_what_differs_in_any_part_of_its_identity_is_another_report(
    report: Report, change: dict[str, Any]
) -> None:
    one, other = ReportKey.of(report), ReportKey.of(replace(report, **change))
    assert one != other
    assert one.receipt != other.receipt
    assert one.folder != other.folder


@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_value_is_what_hive_readers_take_for_null(
    report: Report, missing: str | None
) -> None:
    bare = replace(
        report, report_type=missing, cadence=missing, plan_id=missing, data_date_start=missing
    )
    null = "__HIVE_DEFAULT_PARTITION__"
    assert ReportKey.of(bare).folder == (
        f"report_type={null}/cadence={null}/plan_id={null}/data_date={null}/0a1b/"
    )


def test_a_value_that_spells_null_is_not_null(report: Report) -> None:
    folder = ReportKey.of(replace(report, cadence="__HIVE_DEFAULT_PARTITION__")).folder
    assert "cadence=%5F_HIVE_DEFAULT_PARTITION__/" in folder


def test_a_partition_value_cannot_leave_its_folder(report: Report) -> None:
    folder = ReportKey.of(replace(report, plan_id="../../x", data_date_start="a/b=c")).folder
    assert "/plan_id=%2E.%2F..%2Fx/data_date=a%2Fb%3Dc/" in folder
    assert folder.count("/") == 5


class Named(NamedTuple):
    """All that names of files are made of."""

    report_id: str
    report_type: str | None
    cadence: str | None
    plan_id: int | str | None
    data_date_start: str | None

    def in_the_zone(self) -> tuple[str, str]:
        """The keys of a report's first part and of its receipt, where they are not refused."""
        try:
            key = self.key()
            return f"{key.folder}part-00001-0123456789abcdef.csv.gz", key.receipt
        except InvalidInput:
            reject()

    def key(self) -> ReportKey:
        return ReportKey.of(Report(**self._asdict()))


def as_read(named: Named) -> list[str]:
    return ["" if value is None else str(value) for value in named]


ANY_VALUE = st.none() | st.just("") | st.integers(0, 10**9) | ANY_NAME
NAMED = st.builds(
    Named, ANY_NAME, ANY_VALUE, st.sampled_from(["daily", None]) | ANY_NAME, ANY_VALUE, ANY_VALUE
)


@given(NAMED)
def test_whatever_a_report_is_called_its_files_stay_inside_the_destination(named: Named) -> None:
    for key in named.in_the_zone():
        assert posixpath.normpath(key) == key
        assert not {"", ".", ".."} & set(key.split("/"))


@given(NAMED)
def test_and_on_a_real_file_system(tmp_path_factory: pytest.TempPathFactory, named: Named) -> None:
    root = tmp_path_factory.getbasetemp() / "lake"
    for key in named.in_the_zone():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
        path.resolve(strict=True).relative_to(root.resolve())
        path.unlink()


@given(NAMED)
def test_its_keys_are_legal_in_every_store(named: Named) -> None:
    for key in named.in_the_zone():
        # Letters that every store and every URL takes as they are; no line ends, for Google.
        assert re.fullmatch(r"[A-Za-z0-9%=._/-]+", key)
        # S3 and Google: 1,024 bytes with the destination's prefix; Azure: as many characters.
        assert len("p" * LONGEST_PREFIX + "/" + key) <= 1024
        assert not key.startswith(".well-known/acme-challenge/")
        segments = key.split("/")
        assert LONGEST_PREFIX // 2 + len(segments) <= 254  # Azure
        for each in segments:
            assert 0 < len(each) <= 255  # POSIX
            assert not each.endswith(".")  # Azure
            assert each[0] != "."  # hidden, or the folder above
        assert segments[0] == "_receipts" or not any(each[0] == "_" for each in segments)


@given(NAMED)
def test_its_receipts_place_tells_its_identity(named: Named) -> None:
    _, receipt = named.in_the_zone()
    assert ReportKey.of_receipt(receipt) == named.key()
    assert ReportKey.of_file(f"{named.key().folder}part-00001-0f.csv") == named.key()


@given(NAMED, NAMED, st.integers(0, 4))
def test_no_two_reports_meet(one: Named, other: Named, changed: int) -> None:
    names = list(one)
    names[changed] = other[changed]
    for another in (other, Named(*names)):
        (part, receipt), (other_part, other_receipt) = one.in_the_zone(), another.in_the_zone()
        assert (part == other_part) is (as_read(one) == as_read(another))
        assert (receipt == other_receipt) is (as_read(one) == as_read(another))


@pytest.mark.parametrize(("one", "other"), [("a/b", "a%2Fb"), ("_a", "%5Fa"), ("a.", "a%2E")])
def test_an_id_that_looks_escaped_does_not_meet_the_one_it_looks_like(
    report: Report, one: str, other: str
) -> None:
    names = (replace(report, report_id=each) for each in (one, other))
    assert len({ReportKey.of(each).receipt for each in names}) == 2


def test_an_empty_id_is_refused(report: Report) -> None:
    with pytest.raises(InvalidInput, match="its id is empty"):
        _ = ReportKey.of(replace(report, report_id="")).folder


@pytest.mark.parametrize("name", ["x" * 300, "日" * 40])
def test_an_id_too_long_for_a_name_is_refused_with_the_limit(report: Report, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"too long\. At most 250 char") as refusal:
        _ = ReportKey.of(replace(report, report_id=name)).receipt
    assert len(str(refusal.value)) < 300


def test_the_longest_id_still_fits_with_its_ending(report: Report) -> None:
    receipt = ReportKey.of(replace(report, report_id="x" * 250)).receipt
    assert len(receipt.split("/")[-1]) == 255


def test_names_that_are_too_long_together_are_refused_and_the_longest_is_named(
    report: Report,
) -> None:
    longer = replace(report, report_type="x" * 230, cadence="x" * 230, plan_id="y" * 240)
    with pytest.raises(InvalidInput) as refusal:
        _ = ReportKey.of(longer).folder
    assert "728 in all; the longest name begins 'plan_id=yyy" in str(refusal.value)
    assert len(str(refusal.value)) < 300
    assert ReportKey.of(replace(longer, plan_id=1)).folder


FOLDER = "_receipts/report_type=summary/cadence=daily/plan_id=1/data_date=2026-11-01"


@pytest.mark.parametrize(
    "key",
    [
        f"{FOLDER}/_x.json", f"{FOLDER}/.0f1e.json", f"{FOLDER}/.json", f"{FOLDER}/0a1b.json.bak",
        f"{FOLDER}/x/y.json", f"{FOLDER}/", f"{FOLDER}/%FF.json", f"{FOLDER}/a b.json",
        f"{FOLDER}/0%61.json", f"{FOLDER}/copy of 0a1b.json", "_receipts/0a1b.json", "0a1b.json",
        FOLDER.replace("plan_id", "plan") + "/a.json", FOLDER.removeprefix("_receipts/") + "/a",
        FOLDER.replace("=daily", "=%64aily") + "/a.json", "_receipts/.lock",
    ],
)  # fmt: skip
def test_what_is_no_receipt_counts_for_none(key: str) -> None:
    assert ReportKey.of_receipt(key) is None
    assert ReportKey.of_file(key) is None
