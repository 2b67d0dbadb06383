"""A landing zone on every kind of store: landed is what has a receipt, and receipts are true."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from grounds import Ground
from landings import files_of, land
from memory_store import MemoryStore

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import verification
from airflow_provider_planet_reports.landing.errors import DestinationError, UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.report_landing import ReportLanding
from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.zone import LandingZone

OLDER = (b"id\n1\n", b"id\n2\n", b"id\n3\n")
NEWER = (b"id\n10\n11\n", b"id\n20\n")


def described(report: Report, **changes: object) -> Report:
    return Report.from_dict({**report.to_dict(), **changes})


def test_a_landed_report_is_its_files_and_its_receipt(
    ground: Ground, store: Store, report: Report
) -> None:
    receipt = land(store, report, *NEWER)
    assert receipt is not None
    visible = ground.visible()
    key = ReportKey.of(report)
    assert visible.keys() == {*files_of(receipt), key.receipt}
    for file, data in zip(receipt.files, NEWER, strict=True):
        assert visible[file.name] == data
        assert (file.sha256, file.bytes) == (hashlib.sha256(data).hexdigest(), len(data))
        assert file.rows == data.count(b"\n") - 1
    zone = LandingZone(ground.open())
    assert zone.landed([key]) == {key: True}
    assert [*zone.find()] == [key]
    read = zone.receipt(key)
    assert read is not None
    assert (read.files, read.landing) == (receipt.files, receipt.landing)
    assert ground.leftovers() == []


def test_landing_again_replaces_every_file_and_no_name_is_used_twice(
    ground: Ground, store: Store, report: Report, caplog: pytest.LogCaptureFixture
) -> None:
    before = files_of(land(store, report, *OLDER))
    after = land(ground.open(), report, *NEWER, overwrite=True)
    assert not {*before} & {*files_of(after)}
    visible = ground.visible()
    assert {*files_of(after)} <= visible.keys()
    # Where the server keeps no conditions, what was replaced is known, and goes as well.
    assert not {*before} & visible.keys()
    assert ("conditional requests" in caplog.text) is not ground.keeps_conditions
    assert ground.leftovers() == []


def test_an_abandoned_landing_leaves_nothing(ground: Ground, store: Store, report: Report) -> None:
    landing = ReportLanding(store, ReportKey.of(report))
    parts = [landing.next_part(), landing.next_part()]
    for part in parts:
        part.write(b"x" * 9 * 2**20)
    parts[0].commit()
    landing.abandon()
    assert ground.visible() == {}
    assert ground.leftovers() == []


def test_the_next_landing_removes_what_a_dead_one_left(
    ground: Ground, store: Store, report: Report
) -> None:
    """It would stand beside the right files, and who reads folders would count its rows."""
    folder = ReportKey.of(report).folder
    left = [f"{folder}part-00003-5747a7.csv", f"{folder}part-00001-5747a7.csv.gz"]
    beside = f"{folder[:-1]}c/part-00001-5747a7.csv"  # of report 0a1bc: same beginning, another one
    for key in (*left, beside):
        ground.disturb(key, b"older")
    receipt = land(store, report, *NEWER)
    visible = ground.visible()
    assert visible.keys() >= {*files_of(receipt), beside}
    # A landing that is unknown may still commit where conditions are not kept: there, all stays.
    assert ({*left} & visible.keys() == set()) is store.keeps_conditions()


def test_a_clean_up_that_is_not_to_be_decided_costs_no_landing(
    memory: MemoryStore, report: Report, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    stray = f"{ReportKey.of(report).folder}part-00001-5747a7.csv"
    memory.write(stray, b"older")

    def refused() -> bool:
        raise DestinationError("No right to write.")

    monkeypatch.setattr(memory, "keeps_conditions", refused)
    receipt = land(memory, report, *NEWER)
    assert memory.objects.keys() >= {*files_of(receipt), stray}
    assert "Files of earlier landings stay" in caplog.text


def test_of_two_landings_at_the_same_time_one_wins_and_the_other_leaves_nothing(
    ground: Ground, store: Store, report: Report
) -> None:
    if not ground.keeps_conditions:
        pytest.skip("a server that keeps no conditions")
    key = ReportKey.of(report)
    landings = [ReportLanding(each, key) for each in (store, ground.open())]
    for landing, data in zip(landings, NEWER, strict=True):
        part = landing.next_part()
        part.write(data)
        part.commit()
    won, lost = (landing.finish(report.redacted_dict(), {}) for landing in landings)
    assert lost is None
    assert {entry.key for entry in store.list("")} == {*files_of(won), key.receipt}


def test_landed_are_reports_with_a_receipt_whatever_else_is_there(
    memory: MemoryStore, report: Report
) -> None:
    keys = [ReportKey.of(described(report, report_id=name)) for name in ("landed", "cut", "not")]
    land(memory, described(report, report_id="landed"), *NEWER)
    memory.write(keys[1].receipt, b"[]")
    memory.write(f"{keys[2].folder}part-00001-5747a7.csv", b"no receipt names it")
    memory.write(f"{keys[2].receipt}.bak", b"{}")
    memory.write("_receipts/.lock", b"")
    zone = LandingZone(memory)
    # One that is too small to be a receipt is known to be damaged without being read.
    assert zone.landed(keys) == {keys[0]: True, keys[1]: False}
    assert {*zone.find()} == {*keys[:2]}


def test_an_object_may_be_listed_twice(memory: MemoryStore, report: Report) -> None:
    """As ``rclone serve s3`` does while it is written again."""
    receipt, key = land(memory, report, *NEWER), ReportKey.of(report)
    once = memory.list
    memory.list = lambda *args, **options: [*once(*args, **options)] * 2  # type: ignore
    zone = LandingZone(memory)
    assert zone.landed([key]) == {key: True}
    assert {*zone.files([key])[key]} == {*files_of(receipt)}
    assert [*zone.find()] == [key]


def test_reports_under_one_id_that_differ_in_plan_or_day_are_landed_each(
    memory: MemoryStore, report: Report
) -> None:
    twins = [report, replace(report, plan_id=7), replace(report, data_date_start="2026-11-02")]
    land(memory, report, *OLDER)
    zone = LandingZone(memory)
    assert zone.landed([ReportKey.of(each) for each in twins]).keys() == {ReportKey.of(report)}
    for twin in twins[1:]:
        assert land(memory, twin, *NEWER) is not None
    assert len(zone.find()) == 3
    assert [len(each.files) for each in zone.receipts(map(ReportKey.of, twins))] == [3, 2, 2]


def test_files_of_reports_are_those_in_their_folders_and_no_others(
    ground: Ground, store: Store, report: Report
) -> None:
    days = [replace(report, data_date_start=f"2026-11-0{day}") for day in (1, 2, 3)]
    landed = [land(store, each, *NEWER) for each in days[:2]]
    keys = [ReportKey.of(each) for each in days]
    beside = f"{keys[1].folder[:-1]}c/part-00001-5747a7.csv"  # of another report
    ground.disturb(beside, b"x")
    found = LandingZone(store).files(keys[1:])
    assert {key: sorted(files) for key, files in found.items()} == {keys[1]: files_of(landed[1])}


def test_a_run_costs_one_listing_per_series_and_none_of_older_days(
    memory: MemoryStore, report: Report
) -> None:
    reports = [
        replace(report, report_id=f"r{plan}-{day}", plan_id=plan, data_date_start=f"2026-11-{day}")
        for plan in (1, 2)
        for day in range(10, 20)
    ]
    for each in reports:
        memory.write(ReportKey.of(each).receipt, b"x" * 200)
    listed = []
    original = memory.list
    memory.list = lambda prefix, after="": (
        listed.append((prefix, after)) or original(prefix, after=after)
    )
    asked = [ReportKey.of(each) for each in reports if each.data_date_start >= "2026-11-15"]
    assert LandingZone(memory).landed(asked).keys() == {*asked}
    assert sorted(listed) == [
        (
            f"_receipts/report_type=detailed/cadence=daily/plan_id={plan}/",
            f"_receipts/report_type=detailed/cadence=daily/plan_id={plan}/data_date=2026-11-15",
        )
        for plan in (1, 2)
    ]
    assert memory.count("read") == 0


def test_reports_are_found_by_type_cadence_plan_and_days_oldest_first(
    ground: Ground, store: Store, report: Report
) -> None:
    kinds = [("summary", "daily", 1), ("summary", "monthly", 1), ("detailed", "daily", 2)]
    reports = [
        described(
            report, report_id=f"{report_type}-{cadence}-{day}", report_type=report_type,
            cadence=cadence, plan_id=plan, data_date_start=f"2026-11-0{day}",
        )
        for day in (3, 1, 2)
        for report_type, cadence, plan in kinds
    ]  # fmt: skip
    for each in reports:
        land(store, each, b"a\n1\n")
    zone = LandingZone(ground.open())

    def found(**filters: object) -> list[str]:
        return [key.report_id for key in zone.find(**filters)]

    assert len(found()) == 9
    assert [key.data_date for key in zone.find()] == sorted(
        each.data_date_start for each in reports
    )
    assert found(report_type="summary", cadence="daily", start="2026-11-02") == [
        "summary-daily-2", "summary-daily-3",
    ]  # fmt: skip
    assert found(plan_id="0002", end="2026-11-01") == ["detailed-daily-1"]
    assert found(plan_id=3) == []
    assert found(start="2026-11-04") == []


def test_nothing_is_found_where_nothing_was_ever_landed(ground: Ground, store: Store) -> None:
    assert [*LandingZone(store).find()] == []


def test_a_receipt_that_cannot_be_read_is_said_and_stops_no_other(
    memory: MemoryStore, report: Report
) -> None:
    keys = [ReportKey.of(replace(report, report_id=name)) for name in "abc"]
    land(memory, described(report, report_id="a"), *NEWER)
    memory.write(keys[1].receipt, b'{"format": 1')
    unreadable = []
    receipts = LandingZone(memory).receipts(
        keys, on_unreadable=lambda key, error: unreadable.append((key, type(error)))
    )
    assert [receipt.key for receipt in receipts] == [keys[0]]
    assert unreadable == [(keys[1], UnreadableReceipt)]


def test_a_damaged_receipt_is_replaced_by_landing_again(
    memory: MemoryStore, report: Report
) -> None:
    key = ReportKey.of(report)
    memory.write(key.receipt, b"")
    landing = ReportLanding(memory, key)
    with pytest.raises(UnreadableReceipt):
        landing.begin(overwrite=False)
    assert landing.begin(overwrite=True)
    part = landing.next_part()
    part.write(NEWER[0])
    part.commit()
    assert landing.finish(report.redacted_dict(), {}) is not None
    assert LandingZone(memory).receipt(key) is not None


def test_what_is_there_instead_and_cannot_be_read_costs_no_file(
    memory: MemoryStore, report: Report
) -> None:
    """It may name these files: a later version's clean-up may have put our receipt again."""
    key = ReportKey.of(report)
    landing = ReportLanding(memory, key)
    part = landing.next_part()
    part.write(NEWER[0])
    part.commit()
    memory.write(key.receipt, b'{"format": 2}')
    with pytest.raises(UnreadableReceipt):
        landing.finish(report.redacted_dict(), {})
    landing.abandon()
    assert part.visible in memory.objects


def test_strays_stay_where_the_receipt_cannot_be_put_again(
    memory: MemoryStore, report: Report, caplog: pytest.LogCaptureFixture
) -> None:
    key = ReportKey.of(report)
    land(memory, report, *NEWER)
    stray = f"{key.folder}part-00001-5747a7.csv"
    memory.write(stray, b"older")
    memory.fail_at = len(memory.journal) + 3  # after the receipt was read and the folder listed
    assert verification.remove_strays(LandingZone(memory), key) == 0
    assert "Strays are left: put" in caplog.text
    assert stray in memory.objects
    memory.fail_at = 0
    assert verification.remove_strays(LandingZone(memory), key) == 1


def test_rows_are_those_of_all_parts_and_unknown_if_one_is(
    memory: MemoryStore, report: Report
) -> None:
    landing = ReportLanding(memory, ReportKey.of(report))
    for data, rows in zip((*NEWER, b"PK\x03\x04 and so on"), (2, 3, None), strict=True):
        part = landing.next_part()
        part.write(data)
        part.commit()
        assert landing.rows == rows


def test_an_id_that_can_be_no_name_is_refused_before_anything_is_written(
    memory: MemoryStore, report: Report
) -> None:
    zone, key = LandingZone(memory), ReportKey.of(replace(report, report_id="x" * 300))
    assert zone.landed([key]) == {}
    with pytest.raises(InvalidInput, match="too long"):
        ReportLanding(memory, key).next_part()
    assert memory.journal == []


def test_a_report_that_was_never_landed_is_found_by_its_files_and_forgotten(
    memory: MemoryStore, report: Report
) -> None:
    zone, landed, never = (
        LandingZone(memory),
        ReportKey.of(report),
        described(report, report_id="b"),
    )
    land(memory, report, *NEWER)
    part = ReportLanding(memory, ReportKey.of(never)).next_part()
    part.write(NEWER[0])
    left = part.commit().name  # and now the process dies
    memory.write("elsewhere.csv", b"not ours")
    assert verification.stored_reports(zone) == [landed, ReportKey.of(never)]
    verification.forget(zone, ReportKey.of(never))
    assert left not in memory.objects
    assert verification.stored_reports(zone) == [landed]
    assert zone.receipt(landed) is not None
    assert "elsewhere.csv" in memory.objects


def untrue(store: MemoryStore, key: ReportKey) -> list[str]:
    """What a reader would stumble over."""
    receipt = LandingZone(store).receipt(key)
    return [
        file.name
        for file in (receipt.files if receipt else ())
        if hashlib.sha256(store.objects.get(file.name, b"")).hexdigest() != file.sha256
    ]


@pytest.mark.parametrize("too_late", [False, True], ids=["not done", "answer lost"])
@pytest.mark.parametrize("landed", [False, True], ids=["new", "landed before"])
@pytest.mark.parametrize("death", [False, True], ids=["an error", "death"])
def test_wherever_the_store_fails_no_receipt_is_untrue_and_the_next_landing_completes(
    report: Report, landed: bool, too_late: bool, death: bool
) -> None:
    key = ReportKey.of(report)
    for at in range(1, 40):
        store = MemoryStore()
        if landed:
            land(store, report, *OLDER)
        store.journal.clear()
        store.fail_at, store.die_at = (0, at) if death else (at, 0)
        store.too_late = too_late
        failed = False
        try:
            land(store, report, *NEWER, overwrite=landed)
        except DestinationError:
            failed = True
        happened = len(store.journal)
        store.fail_at = store.die_at = 0
        assert untrue(store, key) == []
        assert LandingZone(store).receipt(key) or not landed
        receipt = land(store, report, *NEWER, overwrite=True)
        assert {*store.objects} == {*files_of(receipt), key.receipt}
        if not failed and happened < at:
            return
    pytest.fail("it never ended")


def test_a_destination_that_cannot_be_read_says_so(memory: MemoryStore, report: Report) -> None:
    memory.fail_at = 1
    with pytest.raises(DestinationError, match=r"list .* failed"):
        LandingZone(memory).landed([ReportKey.of(report)])


@pytest.mark.parametrize("ground", ["google"], indirect=True)
def test_eleven_thousand_landed_reports_of_ten_series_cost_at_most_thirty_requests(
    ground: Ground, google: Any
) -> None:
    keys = [
        ReportKey(
            "summary", "daily", str(plan), f"{2020 + day // 365}-01-{day % 365:03}", f"r{day}"
        )
        for plan in range(10)
        for day in range(1100)
    ]
    for key in keys:
        ground.disturb(key.receipt, b"x" * 200)
    google.requests.clear()
    assert LandingZone(ground.open()).landed(keys) == dict.fromkeys(keys, True)
    assert len(google.requests) <= 30
