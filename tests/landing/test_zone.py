"""A landing zone: landed is what has a receipt, and no receipt ever says what is not so."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
from dataclasses import replace

import pytest
from grounds import Ground, MemoryStore

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import layout
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.zone import LandingZone

OLDER = (b"id\n1\n", b"id\n2\n", b"id\n3\n")
NEWER = (b"id\n10\n11\n", b"id\n20\n")


def land(store: Store, report: Report, parts: tuple[bytes, ...], zone: LandingZone | None = None):
    """Land a report as a task does: look what is there, then land it, or land it over again."""
    if zone is None:
        zone = LandingZone(store)
        zone.landed()
    landing = zone.land(report)
    try:
        for number, data in enumerate(parts, 1):
            part = landing.part(number)
            part.write(data[:4])
            part.write(data[4:])
        return landing.finish({"dag_id": "d"})
    finally:
        landing.abandon()


def data_of(report: Report, parts: tuple[bytes, ...]) -> dict[str, bytes]:
    folder = layout.data_folder(report)
    return {f"{folder}part-{number:05d}.csv": data for number, data in enumerate(parts, 1)}


def test_a_landed_report_is_its_files_and_its_receipt(
    ground: Ground, store: Store, report: Report
) -> None:
    receipt = land(store, report, NEWER)
    visible = ground.visible()
    stored = json.loads(visible.pop("_receipts/0a1b.json"))
    assert visible == data_of(report, NEWER)
    assert [(file["name"], file["sha256"], file["rows"]) for file in stored["files"]] == [
        (name, hashlib.sha256(data).hexdigest(), data.count(b"\n") - 1)
        for name, data in sorted(visible.items())
    ]
    zone = LandingZone(ground.open_elsewhere())
    assert zone.landed() == {"0a1b"}
    assert zone.receipts(["0a1b"]) == {"0a1b": receipt}
    assert ground.leftovers() == []


def test_landing_over_again_replaces_every_file(
    ground: Ground, store: Store, report: Report
) -> None:
    land(store, report, OLDER)
    land(ground.open_elsewhere(), report, NEWER)
    visible = ground.visible()
    assert len(json.loads(visible.pop("_receipts/0a1b.json"))["files"]) == len(NEWER)
    assert visible == data_of(report, NEWER)
    assert ground.leftovers() == []


def test_an_abandoned_landing_leaves_nothing(ground: Ground, store: Store, report: Report) -> None:
    landing = LandingZone(store).land(report)
    for number in (1, 2):
        landing.part(number).write(b"x" * 9 * 2**20)
    landing.abandon()
    assert ground.visible() == {}
    assert ground.leftovers() == []
    assert LandingZone(store).landed() == frozenset()


def test_the_strays_of_an_interrupted_landing_are_removed(
    ground: Ground, store: Store, report: Report
) -> None:
    """They would stand beside the right files, and every reader would count their rows."""
    folder = layout.data_folder(report)
    beside = f"{folder[:-1]}c/part-00001.csv"  # of report 0a1bc: same beginning, other report
    for key in (f"{folder}part-00003.csv", f"{folder}part-00001.csv.gz", beside):
        ground.disturb(key, b"older")
    land(store, report, NEWER)
    visible = ground.visible()
    visible.pop("_receipts/0a1b.json")
    assert visible == {**data_of(report, NEWER), beside: b"older"}


def test_the_receipt_comes_last(memory: MemoryStore, report: Report) -> None:
    land(memory, report, NEWER)
    changes = [key for operation, key in memory.journal if operation in ("commit", "delete")]
    assert changes == [*data_of(report, NEWER), "_receipts/0a1b.json"]


def test_an_untrue_receipt_goes_before_the_first_file_is_replaced(
    memory: MemoryStore, report: Report
) -> None:
    land(memory, report, OLDER)
    memory.journal.clear()
    land(memory, report, NEWER)
    changes = [step for step in memory.journal if step[0] in ("commit", "delete")]
    receipt = "_receipts/0a1b.json"
    assert (changes[0], changes[-1]) == (("delete", receipt), ("commit", receipt))


def untrue(store: MemoryStore) -> list[str]:
    """The files about which a visible receipt is wrong."""
    receipt = json.loads(store.objects.get("_receipts/0a1b.json", b'{"files": []}'))
    return [
        file["name"]
        for file in receipt["files"]
        if hashlib.sha256(store.objects.get(file["name"], b"")).hexdigest() != file["sha256"]
    ]


@pytest.mark.parametrize("too_late", [False, True], ids=["without effect", "after its effect"])
@pytest.mark.parametrize("landed_before", [False, True], ids=["first landing", "overwriting"])
def test_wherever_the_store_fails_no_receipt_is_untrue_and_the_next_run_completes(
    report: Report, landed_before: bool, too_late: bool
) -> None:
    for fail_at in itertools.count(1):
        store = MemoryStore()
        if landed_before:
            land(store, report, OLDER)
        store.journal.clear()
        wrong: list[str] = []
        store.watch = lambda store=store, wrong=wrong: wrong.extend(untrue(store))
        store.fail_at, store.too_late = fail_at, too_late
        with contextlib.suppress(DestinationError):
            land(store, report, NEWER)
        if len(store.journal) < fail_at:
            break
        assert wrong == []
        assert store.unfinished == set()
        whole = {*OLDER, *NEWER} if landed_before else {*NEWER}
        assert {v for k, v in store.objects.items() if k.startswith("report_type=")} <= whole
        receipt = store.objects.get("_receipts/0a1b.json")
        # A receipt is there only if nothing was begun, or if everything was done.
        assert receipt is None or landed_before or store.journal[-1] == (
            "commit", "_receipts/0a1b.json",
        )  # fmt: skip

        store.fail_at = 0
        land(store, report, NEWER)
        assert wrong == []
        store.objects.pop("_receipts/0a1b.json")
        assert store.objects == data_of(report, NEWER)
    assert fail_at > 10  # the loop met every operation, and ended behind the last


def test_a_report_that_moved_leaves_nothing_in_its_old_partition(
    memory: MemoryStore, report: Report
) -> None:
    """Otherwise readers of the partitions count its rows twice, and nobody ever finds out."""
    land(memory, report, OLDER)
    moved = replace(report, plan_id=1002)
    land(memory, moved, NEWER)
    memory.objects.pop("_receipts/0a1b.json")
    assert memory.objects == data_of(moved, NEWER)


def note(memory: MemoryStore) -> list[str]:
    return [key for key in memory.objects if key.startswith("_receipts/_moved/")]


@pytest.mark.parametrize("moves_on", [False, True], ids=["stays there", "moves again"])
@pytest.mark.parametrize("too_late", [False, True], ids=["without effect", "after its effect"])
def test_wherever_the_landing_of_a_report_that_moved_dies_the_next_finds_all_its_files(
    report: Report, too_late: bool, moves_on: bool
) -> None:
    """Killed, not failed: from the operation on that dies, it does nothing more."""
    moved = replace(report, plan_id=1002)
    finally_at = replace(report, plan_id=1003) if moves_on else moved
    for die_at in itertools.count(1):
        store = MemoryStore()
        land(store, report, OLDER)
        store.journal.clear()
        wrong: list[str] = []
        store.watch = lambda store=store, wrong=wrong: wrong.extend(untrue(store))
        store.die_at, store.too_late = die_at, too_late
        with contextlib.suppress(DestinationError):
            land(store, moved, NEWER)
        if len(store.journal) < die_at:
            break
        store.die_at = 0
        if "_receipts/0a1b.json" in store.objects:  # nothing was begun, or everything is done
            data = {k: v for k, v in store.objects.items() if k.startswith("report_type=")}
            assert data in (data_of(report, OLDER), data_of(moved, NEWER))
        land(store, finally_at, NEWER)
        assert wrong == []
        store.objects.pop("_receipts/0a1b.json")
        assert store.objects == data_of(finally_at, NEWER)
    assert die_at > 10


def test_only_a_report_that_moves_is_noted(memory: MemoryStore, report: Report) -> None:
    written: list[str] = []
    memory.watch = lambda: written.extend(note(memory))
    land(memory, report, OLDER)
    land(memory, report, NEWER)
    assert written == []
    land(memory, replace(report, plan_id=1002), NEWER)
    assert written != []
    assert note(memory) == []


@pytest.mark.parametrize("data", [b"{", b"7", b'["report_type=x/other/", 1]'])
def test_a_note_that_nobody_has_written_so_is_removed_and_deletes_nothing(
    memory: MemoryStore, report: Report, data: bytes
) -> None:
    memory.put("_receipts/_moved/0a1b.json", data)
    memory.put("report_type=x/other/part-00001.csv", b"of another report")
    land(memory, report, NEWER)
    memory.objects.pop("_receipts/0a1b.json")
    memory.objects.pop("report_type=x/other/part-00001.csv")
    assert memory.objects == data_of(report, NEWER)


def begun(store: Store, report: Report, parts: tuple[bytes, ...]):
    """Begin to land a report as another run does that has seen nothing landed."""
    landing = LandingZone(store).land(report)
    for number, data in enumerate(parts, 1):
        landing.part(number).write(data)
    return landing


def test_a_receipt_issued_by_another_run_meanwhile_goes_before_its_files_are_replaced(
    memory: MemoryStore, report: Report
) -> None:
    """Else it would be untrue until this run issues its own: for ever, if it is killed."""
    wrong: list[str] = []
    landing = begun(memory, report, NEWER)
    land(memory, report, OLDER)
    memory.watch = lambda: wrong.extend(untrue(memory))
    landing.finish({})
    assert wrong == []
    memory.objects.pop("_receipts/0a1b.json")
    assert memory.objects == data_of(report, NEWER)


def test_an_abandoned_landing_takes_nothing_away_that_another_run_has_landed_meanwhile(
    memory: MemoryStore, report: Report
) -> None:
    landing = begun(memory, report, NEWER)
    memory.fail_at = len(memory.journal) + 3  # it looks what is there, and commits both parts
    with pytest.raises(DestinationError, match=r"part-00002\.csv could not be completed"):
        landing.finish({})
    land(memory, report, NEWER)
    landing.abandon()
    assert untrue(memory) == []
    assert LandingZone(memory).landed() == {"0a1b"}


def test_landed_are_reports_with_a_receipt_whatever_else_is_there(
    memory: MemoryStore, report: Report
) -> None:
    for key in data_of(report, NEWER):
        memory.put(key, b"data without a receipt")
    for key in ("_receipts/_index.json.gz", "_receipts/.0f.tmp", "_receipts/x/y.json"):
        memory.put(key, b"")
    memory.put("_receipts/a%2Fb.json", b"unread")
    memory.journal.clear()
    assert LandingZone(memory).landed() == {"a/b"}
    assert memory.journal == [("list", "_receipts/")]


def test_rows_are_those_of_all_parts_and_unknown_if_one_is(
    memory: MemoryStore, report: Report
) -> None:
    landing = LandingZone(memory).land(report)
    landing.part(1).write(b"id\n1\n")
    landing.part(2).write(b"id\n1\n2")
    assert landing.rows == 3
    landing.part(3).write(b"PK\x03\x04")
    assert landing.rows is None


def test_an_id_that_can_be_no_name_is_refused_before_anything_is_written(
    memory: MemoryStore, report: Report
) -> None:
    with pytest.raises(InvalidInput, match="too long"):
        LandingZone(memory).land(replace(report, report_id="x" * 300))
    assert memory.journal == []


@pytest.mark.parametrize("operation", ["list", "read"])
def test_a_destination_that_cannot_be_read_says_so(
    memory: MemoryStore, report: Report, operation: str
) -> None:
    land(memory, report, NEWER)
    memory.journal.clear()
    memory.fail_at = 1 if operation == "list" else 2
    zone = LandingZone(memory)
    with pytest.raises(DestinationError, match=r"memory://_receipts/.* could not be"):
        zone.receipts(zone.landed())


def test_what_another_run_lands_over_meanwhile_is_not_landed(
    memory: MemoryStore, report: Report
) -> None:
    land(memory, report, NEWER)
    zone = LandingZone(memory)
    landed = zone.landed()
    memory.delete("_receipts/0a1b.json")
    assert zone.receipts(landed) == {}


def test_a_damaged_receipt_is_named_with_what_to_do(memory: MemoryStore) -> None:
    memory.put("_receipts/0a1b.json", b"{")
    zone = LandingZone(memory)
    with pytest.raises(DestinationError, match=r"memory://_receipts/0a1b.json .*delete it"):
        zone.receipts(zone.landed())
    assert zone.uri_of_receipt("0a1b") == "memory://_receipts/0a1b.json"
