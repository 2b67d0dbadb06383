"""The promises every store keeps, on a folder and on real servers of every kind."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from grounds import Ground

from airflow_provider_planet_reports.landing.errors import Cancelled, DestinationError
from airflow_provider_planet_reports.landing.stores.interface import Revision, Store, Writer

BLOCK = 8 * 2**20
KEY = "plan_id=1/data_date=2026-11-01/a%2Fb/part-00001-0123abcd.csv"
RECEIPT = "_receipts/plan_id=1/a%2Fb.json"
SIZES = pytest.mark.parametrize(
    "size", [0, 1, BLOCK, 2 * BLOCK + 5], ids=["empty", "one byte", "a block", "blocks"]
)


def body(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def begin(store: Store, key: str, data: bytes) -> Writer:
    """Write everything of an object, in pieces of 3 MiB, but do not commit it."""
    writer = store.open(key)
    for start in range(0, len(data), 3 * 2**20):
        writer.write(data[start : start + 3 * 2**20])
    return writer


def keys(store: Store, prefix: str, after: str = "") -> set[str]:
    found = [entry.key for entry in store.list(prefix, after=after)]
    assert len(found) == len(set(found))
    return set(found)


@pytest.fixture
def conditions(ground: Ground) -> None:
    if not ground.keeps_conditions:
        pytest.skip("This server ignores conditions.")


# Writing


@SIZES
def test_an_object_is_invisible_until_it_is_committed_and_then_whole(
    ground: Ground, store: Store, size: int
) -> None:
    writer = begin(store, KEY, body(size))
    assert ground.visible() == {}
    writer.commit()
    assert ground.visible() == {KEY: body(size)}
    assert ground.leftovers() == []


@SIZES
def test_an_abandoned_object_never_becomes_visible_and_leaves_nothing(
    ground: Ground, store: Store, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    writer = begin(store, KEY, body(size))
    writer.abandon()
    del writer
    gc.collect()
    assert ground.visible() == {}
    assert ground.leftovers() == []
    assert [each for each in caplog.records if each.name.startswith("airflow_provider")] == []


@SIZES
def test_abandoning_after_the_commit_does_nothing(ground: Ground, store: Store, size: int) -> None:
    writer = begin(store, KEY, body(size))
    writer.commit()
    writer.abandon()
    writer.abandon()
    assert ground.visible() == {KEY: body(size)}


@pytest.mark.parametrize("size", [3, BLOCK + 1], ids=["a few bytes", "more than a block"])
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # it is forgotten
def test_a_forgotten_writer_commits_nothing(ground: Ground, store: Store, size: int) -> None:
    begin(store, KEY, body(size))
    gc.collect()
    assert ground.visible() == {}


def test_writers_do_not_disturb_one_another(ground: Ground, store: Store) -> None:
    writers = {f"a/{name}.csv": store.open(f"a/{name}.csv") for name in "xyz"}
    for _ in range(3):
        for key, writer in writers.items():
            writer.write(key.encode())
    writers.pop("a/y.csv").abandon()
    for writer in writers.values():
        writer.commit()
    assert ground.visible() == {key: key.encode() * 3 for key in writers}


@pytest.mark.parametrize("older", [None, b"older, longer"])
def test_put_always_writes_over_whatever_is_there(
    ground: Ground, store: Store, older: bytes | None
) -> None:
    if older is not None:
        ground.disturb(KEY, older)
    store.put_always(KEY, b"newer")
    assert ground.visible() == {KEY: b"newer"}


# Conditions


def test_only_the_first_to_create_an_object_succeeds(
    ground: Ground, store: Store, conditions: None
) -> None:
    store.put(RECEIPT, b"ours", replaces=None)
    with pytest.raises(DestinationError, match="by another process meanwhile: run again"):
        ground.open().put(RECEIPT, b"theirs", replaces=None)
    assert ground.visible() == {RECEIPT: b"ours"}


def test_an_object_is_replaced_only_while_it_has_the_revision_that_was_read(
    ground: Ground, store: Store, conditions: None
) -> None:
    store.put(RECEIPT, b"1", replaces=None)
    first = store.read(RECEIPT).revision
    store.put(RECEIPT, b"2", replaces=first)
    with pytest.raises(DestinationError, match="by another process meanwhile: run again"):
        ground.open().put(RECEIPT, b"3", replaces=first)
    assert store.read(RECEIPT).data == b"2"
    store.put(RECEIPT, b"3", replaces=ground.open().read(RECEIPT).revision)
    assert ground.visible() == {RECEIPT: b"3"}


def test_an_object_that_was_deleted_meanwhile_is_not_replaced(
    ground: Ground, store: Store, conditions: None
) -> None:
    store.put(RECEIPT, b"1", replaces=None)
    revision = store.read(RECEIPT).revision
    store.delete(RECEIPT)
    with pytest.raises(DestinationError):
        store.put(RECEIPT, b"2", replaces=revision)
    assert ground.visible() == {}


def test_of_many_who_replace_one_revision_one_succeeds(
    ground: Ground, store: Store, conditions: None
) -> None:
    store.put(RECEIPT, b"first", replaces=None)
    revision = store.read(RECEIPT).revision
    together = threading.Barrier(8)

    def replace(number: int) -> bytes | None:
        mine, own = f"by {number}".encode(), ground.open()
        together.wait()
        try:
            own.put(RECEIPT, mine, replaces=revision)
        except DestinationError:
            return None
        return mine

    with ThreadPoolExecutor(8) as threads:
        won = [each for each in threads.map(replace, range(8)) if each]
    assert won == [store.read(RECEIPT).data]


def test_a_revision_changes_with_the_object_and_only_then(
    ground: Ground, store: Store, conditions: None
) -> None:
    store.put(RECEIPT, b'{"try": 1}', replaces=None)
    first = store.read(RECEIPT).revision
    assert ground.open().read(RECEIPT).revision == first
    store.put(RECEIPT, b'{"try": 2}', replaces=first)
    assert store.read(RECEIPT).revision != first


def test_a_store_finds_out_whether_conditions_are_kept_and_says_once_that_they_are_not(
    ground: Ground, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda _: store.keeps_conditions(), range(4)))
    assert said == [ground.keeps_conditions] * 4
    warnings = [each for each in caplog.messages if "ignores conditional requests" in each]
    assert len(warnings) == (0 if ground.keeps_conditions else 1)


def test_however_often_conditions_are_tried_one_hidden_object_is_left(
    ground: Ground, store: Store
) -> None:
    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda _: ground.open().keeps_conditions(), range(8)))
    assert said == [ground.keeps_conditions] * 8
    assert ground.visible().keys() <= {"_receipts/.conditions"}
    assert list(store.list("")) == []


# Reading


@pytest.mark.parametrize("data", [b"", b"{}", body(BLOCK + 1)], ids=["0 B", "2 B", "8 MiB"])
def test_reading_gives_the_exact_bytes_as_they_are_now(
    ground: Ground, store: Store, data: bytes
) -> None:
    ground.disturb(RECEIPT, b"older")
    assert store.read(RECEIPT).data == b"older"
    ground.disturb(RECEIPT, data)
    assert store.read(RECEIPT).data == data


@SIZES
def test_streaming_gives_the_exact_bytes_in_pieces(ground: Ground, store: Store, size: int) -> None:
    # As it is landed: of what was put at once, rclone gives the whole's checksum with each range.
    begin(ground.open(), KEY, body(size)).commit()
    pieces = list(store.stream(KEY))
    assert b"".join(pieces) == body(size)
    assert max(map(len, pieces), default=0) <= BLOCK


def test_what_is_not_there_is_a_file_not_found_error(store: Store) -> None:
    store.put_always(RECEIPT, b"{}")
    for key in ("_receipts/b.json", "elsewhere/b.json", "_receipts"):
        with pytest.raises(FileNotFoundError):
            store.read(key)
        with pytest.raises(FileNotFoundError):
            list(store.stream(key))


def test_many_threads_read_side_by_side(ground: Ground, store: Store) -> None:
    for number in range(16):
        ground.disturb(f"_receipts/{number}.json", str(number).encode())

    def read(number: int) -> bytes:
        return store.read(f"_receipts/{number % 16}.json").data

    with ThreadPoolExecutor(64) as threads:
        assert list(threads.map(read, range(256))) == [str(n % 16).encode() for n in range(256)]


# Listing


def test_a_listing_has_all_keys_below_its_folder_with_their_sizes(
    ground: Ground, store: Store
) -> None:
    inside = {f"a/{number:04d}.json" for number in range(5)} | {"a/b/deep.csv", "a/x%2Fy.json"}
    for key in {*inside, "ab/beside.json", "a.json", "other/a/c.json"}:
        ground.disturb(key, b"{}")
    assert keys(store, "a/") == inside
    assert {entry.size for entry in store.list("a/")} == {2}
    assert keys(store, "") == set(ground.visible())


def test_a_listing_may_begin_after_a_key(ground: Ground, store: Store) -> None:
    days = [f"a/day={day:02d}/{name}.json" for day in range(1, 5) for name in ("x", "y")]
    for key in days:
        ground.disturb(key, b"{}")
    for after in (*days, "a/day=02/", "a/day=02/xx", "a/day=0", "b", ""):
        assert keys(store, "a/", after) == {key for key in days if key > after}, after
        assert keys(store, "", after) == {key for key in days if key > after}, after


def test_a_listing_of_what_is_not_there_is_empty(store: Store) -> None:
    assert keys(store, "_receipts/") == set()
    assert store.folders("_receipts/") == []
    store.put_always("elsewhere/a.json", b"{}")
    assert keys(store, "_receipts/") == set()


def test_a_listing_sees_what_another_process_wrote_and_removed_since_the_last(
    ground: Ground, store: Store
) -> None:
    store.put_always("_receipts/ours.json", b"{}")
    assert keys(store, "_receipts/") == {"_receipts/ours.json"}
    ground.disturb("_receipts/theirs.json", b"{}")
    ground.open().delete("_receipts/ours.json")
    assert keys(store, "_receipts/") == {"_receipts/theirs.json"}


def test_hidden_objects_are_in_no_listing(ground: Ground, store: Store) -> None:
    for key in ("_receipts/.hidden", "_receipts/.below/b.json", "_receipts/a.json", ".top"):
        ground.disturb(key, b"{}")
    assert keys(store, "_receipts/") == {"_receipts/a.json"}
    assert keys(store, "") == {"_receipts/a.json"}
    assert store.folders("_receipts/") == []


def test_the_folders_right_below_one(ground: Ground, store: Store) -> None:
    for key in ("a/b=1/x/1.csv", "a/b=1/2.csv", "a/b=2/3.csv", "a/4.csv", "ab/c/5.csv"):
        ground.disturb(key, b"{}")
    assert sorted(store.folders("a/")) == ["a/b=1/", "a/b=2/"]
    assert sorted(store.folders("")) == ["a/", "ab/"]
    assert store.folders("a/b=2/") == []


# Deleting, addresses, cancelling


def test_a_deleted_object_is_gone_and_need_not_have_been_there(
    ground: Ground, store: Store
) -> None:
    for key in (KEY, RECEIPT, "beside.csv"):
        store.put_always(key, b"x")
    for _ in range(2):
        store.delete(KEY)
        store.delete(RECEIPT)
    store.delete("nothing/here.csv")
    assert ground.visible() == {"beside.csv": b"x"}


def test_an_address_leads_to_the_object_and_names_no_connection(
    ground: Ground, store: Store
) -> None:
    uri = store.uri(KEY)
    assert uri.endswith(f"/{KEY}")
    assert uri.startswith(("s3://bucket-", "gs://bucket-", "abfs://container-", "file:///"))
    assert "@" not in uri + repr(store)


def test_a_cancelled_store_refuses_everything_and_leaves_nothing(
    ground: Ground, store: Store
) -> None:
    writer = begin(store, KEY, body(2 * BLOCK))
    store.put_always(RECEIPT, b"{}")
    store.cancel()
    store.cancel()
    for refused in (
        lambda: writer.write(body(2 * BLOCK)),
        writer.commit,
        lambda: store.read(RECEIPT),
        lambda: list(store.stream(RECEIPT)),
        lambda: list(store.list("")),
        lambda: store.folders(""),
        lambda: store.delete(RECEIPT),
        lambda: store.put_always(KEY, b""),
        lambda: store.put(KEY, b"", replaces=Revision("e")),
        store.keeps_conditions,
    ):
        with pytest.raises(Cancelled, match="the task was told to stop"):
            refused()
    writer.abandon()
    assert ground.visible() == {RECEIPT: b"{}"}
    assert ground.leftovers() == []
    assert ground.open().read(RECEIPT).data == b"{}"
