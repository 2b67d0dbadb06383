"""The promises every store keeps, on a folder and on real servers of every kind."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from grounds import Ground, MemoryStore
from servers import S3Server

from airflow_provider_planet_reports.landing.part import PartFile
from airflow_provider_planet_reports.landing.stores.interface import Store, Writer, put
from airflow_provider_planet_reports.landing.stores.object_store import BLOCK_SIZE, ObjectStore

KEY = "plan_id=1/data_date=2026-11-01/a%2Fb/part-00001.csv"
SIZES = pytest.mark.parametrize(
    "size", [0, 1, BLOCK_SIZE, 2 * BLOCK_SIZE + 5], ids=["empty", "one byte", "a block", "blocks"]
)


def body(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def begin(store: Store, key: str, data: bytes) -> Writer:
    """Write everything of an object, in pieces of 3 MiB, but do not commit it."""
    writer = store.open(key)
    for start in range(0, len(data), 3 * 2**20):
        writer.write(data[start : start + 3 * 2**20])
    return writer


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
def test_an_abandoned_object_never_becomes_visible(ground: Ground, store: Store, size: int) -> None:
    writer = begin(store, KEY, body(size))
    writer.abandon()
    del writer
    gc.collect()  # an fsspec file that is collected while open commits what it has
    assert ground.visible() == {}
    assert ground.leftovers() == []


@SIZES
def test_abandoning_goes_without_a_warning(
    ground: Ground, store: Store, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    begin(store, KEY, body(size)).abandon()
    ours = [record for record in caplog.records if record.name.startswith("airflow_provider")]
    assert ours == []


@SIZES
def test_abandoning_leaves_the_older_object_as_it_was(
    ground: Ground, store: Store, size: int
) -> None:
    ground.disturb(KEY, b"older")
    begin(store, KEY, body(size)).abandon()
    gc.collect()
    assert ground.visible() == {KEY: b"older"}


@SIZES
def test_abandoning_after_the_commit_does_nothing(ground: Ground, store: Store, size: int) -> None:
    writer = begin(store, KEY, body(size))
    writer.commit()
    writer.abandon()
    writer.abandon()
    assert ground.visible() == {KEY: body(size)}


@pytest.mark.parametrize("size", [0, 3, BLOCK_SIZE + 1], ids=["empty", "shorter", "longer"])
def test_a_commit_replaces_the_older_object(ground: Ground, store: Store, size: int) -> None:
    ground.disturb(KEY, b"older")
    begin(store, KEY, body(size)).commit()
    assert ground.visible() == {KEY: body(size)}


@pytest.mark.parametrize("data", [b"{}", body(BLOCK_SIZE + 1)], ids=["2 B", "8 MiB"])
def test_reading_gives_the_exact_bytes(ground: Ground, store: Store, data: bytes) -> None:
    ground.disturb("_receipts/a.json", data)
    assert store.read("_receipts/a.json") == data


@SIZES
def test_streaming_gives_the_exact_bytes_in_pieces(ground: Ground, store: Store, size: int) -> None:
    # As it is landed: of what was put at once, rclone gives the whole's checksum with each range.
    begin(ground.open_elsewhere(), KEY, body(size)).commit()
    pieces = list(store.stream(KEY))
    assert b"".join(pieces) == body(size)
    assert max(map(len, pieces), default=0) <= BLOCK_SIZE


def test_streaming_sees_what_another_client_wrote_meanwhile(ground: Ground, store: Store) -> None:
    for data in (b"older", b"newer, longer"):
        ground.disturb(KEY, data)
        assert b"".join(store.stream(KEY)) == data


def test_streaming_what_is_not_there_is_a_file_not_found_error(store: Store) -> None:
    put(store, "_receipts/a.json", b"{}")
    with pytest.raises(FileNotFoundError):
        list(store.stream("_receipts/b.json"))


def test_all_that_is_in_a_destination_can_be_listed(ground: Ground, store: Store) -> None:
    for key in ("_receipts/a.json", "a/b/c.csv", "d.csv"):
        put(store, key, b"{}")
    assert {entry.key for entry in store.list("")} == set(ground.visible())


def test_reading_an_empty_object_gives_no_bytes(ground: Ground, store: Store) -> None:
    ground.disturb("_receipts/a.json", b"")
    assert store.read("_receipts/a.json") == b""


def test_reading_sees_what_another_client_wrote_after_the_first_reading(
    ground: Ground, store: Store
) -> None:
    put(store, KEY, b"ours")
    assert store.read(KEY) == b"ours"
    ground.disturb(KEY, b"theirs, longer")
    assert store.read(KEY) == b"theirs, longer"


@pytest.mark.parametrize("size", [3, BLOCK_SIZE + 1], ids=["a few bytes", "more than a block"])
def test_who_lands_a_part_that_another_has_landed_meanwhile_has_landed_it_too(
    ground: Ground, store: Store, size: int
) -> None:
    """Azure drops what others have uploaded of a blob when one of them completes it."""
    parts = [PartFile(each, "a/", 1) for each in (store, ground.open_elsewhere())]
    for part in parts:
        for start in range(0, size, 3 * 2**20):
            part.write(body(size)[start : start + 3 * 2**20])
    first, second = (part.commit() for part in parts)
    assert first == second
    assert ground.visible() == {first.name: body(size)}
    assert ground.leftovers() == []


def test_a_small_object_is_written_though_others_get_in_the_way_twice() -> None:
    """So it is on Azure, where several runs may issue one receipt at the same time."""

    class Busy(MemoryStore):
        def do(self, operation: str, key: str, effect: Any) -> Any:
            if operation == "commit" and self.count("commit") < 2:
                self.fail_at = len(self.journal) + 1
            return super().do(operation, key, effect)

    store = Busy()
    put(store, KEY, b"ours")
    assert store.objects == {KEY: b"ours"}
    assert store.unfinished == set()


def test_reading_what_is_not_there_is_a_file_not_found_error(store: Store) -> None:
    put(store, "_receipts/a.json", b"{}")
    for key in ("_receipts/b.json", "elsewhere/b.json", "_receipts"):
        with pytest.raises((FileNotFoundError, IsADirectoryError)):
            store.read(key)


def test_a_listing_has_all_keys_below_its_folder_relative_to_the_destination(
    store: Store,
) -> None:
    inside = {f"a/{number:04d}.json" for number in range(5)} | {"a/b/deep.csv", "a/x%2Fy.json"}
    for key in {*inside, "ab/beside.json", "a.json", "other/a/c.json"}:
        put(store, key, b"{}")
    assert {entry.key for entry in store.list("a/")} == inside


def test_a_listing_of_what_is_not_there_is_empty(store: Store) -> None:
    assert list(store.list("_receipts/")) == []
    put(store, "elsewhere/a.json", b"{}")
    assert list(store.list("_receipts/")) == []


def test_a_listing_sees_what_another_process_wrote_and_removed_since_the_last(
    ground: Ground, store: Store
) -> None:
    put(store, "_receipts/ours.json", b"{}")
    assert [entry.key for entry in store.list("_receipts/")] == ["_receipts/ours.json"]
    ground.disturb("_receipts/theirs.json", b"{}")
    ground.open_elsewhere().delete("_receipts/ours.json")
    assert [entry.key for entry in store.list("_receipts/")] == ["_receipts/theirs.json"]


def test_a_stamp_changes_when_the_object_is_rewritten_and_only_then(
    ground: Ground, store: Store
) -> None:
    def stamps(client: Store) -> dict[str, str]:
        return {entry.key: entry.stamp for entry in client.list("_receipts/")}

    put(store, "_receipts/a.json", b'{"try": 1}')
    put(store, "_receipts/b.json", b"{}")
    before = stamps(store)
    assert stamps(ground.open_elsewhere()) == before
    put(ground.open_elsewhere(), "_receipts/a.json", b'{"try": 2}')  # as long as before
    after = stamps(store)
    assert after["_receipts/a.json"] != before["_receipts/a.json"]
    assert after["_receipts/b.json"] == before["_receipts/b.json"]


def test_a_deleted_object_is_gone_and_need_not_have_been_there(
    ground: Ground, store: Store
) -> None:
    put(store, KEY, b"x")
    put(store, "beside.csv", b"y")
    for _ in range(2):
        store.delete(KEY)
    store.delete("nothing/here.csv")
    assert ground.visible() == {"beside.csv": b"y"}


def test_an_address_leads_to_the_object_and_names_no_connection(
    ground: Ground, store: Store
) -> None:
    uri = store.uri(KEY)
    assert uri.endswith(f"/{KEY}")
    assert uri.startswith(("s3://bucket-", "gs://bucket-", "abfs://container-", "file:///"))
    assert "@" not in uri


def test_a_put_that_fails_leaves_nothing(ground: Ground, store: Store) -> None:
    with pytest.raises(TypeError):
        put(store, KEY, "text, not bytes")  # type: ignore[arg-type]
    gc.collect()
    assert ground.visible() == {}
    assert ground.leftovers() == []


def test_writers_do_not_disturb_one_another(ground: Ground, store: Store) -> None:
    writers = {f"a/{name}.csv": store.open(f"a/{name}.csv") for name in "xyz"}
    for _ in range(3):
        for key, writer in writers.items():
            writer.write(key.encode())
    writers.pop("a/y.csv").abandon()
    for writer in writers.values():
        writer.commit()
    assert ground.visible() == {key: key.encode() * 3 for key in writers}


@pytest.fixture(params=["moto", "rclone"])
def s3_server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


FEW_OR_MANY = pytest.mark.parametrize(
    "size", [3, BLOCK_SIZE + 1], ids=["a few bytes", "more than a block"]
)


@FEW_OR_MANY
def test_a_commit_that_fails_leaves_nothing(s3_server: Any, size: int) -> None:
    """An fsspec file counts as closed then, but its upload is still there."""
    ground = S3Server.ground(Refusing(s3_server), "store")
    writer = begin(ground.open(), KEY, body(size))
    with pytest.raises(OSError, match="no room"):
        writer.commit()
    writer.abandon()
    del writer
    gc.collect()
    assert ground.visible() == {}
    assert ground.leftovers() == []


class Refusing:
    """A server that refuses the request which would make an object visible."""

    def __init__(self, server: Any) -> None:
        self.client, self._server = server.client, server

    @property
    def file_system(self) -> Any:
        fs = self._server.new_file_system()
        call = fs.call_s3

        def refuse(method: str, *args: Any, **kwargs: Any) -> Any:
            if method in ("put_object", "complete_multipart_upload"):
                raise OSError("no room")
            return call(method, *args, **kwargs)

        fs.call_s3 = refuse
        return fs


@FEW_OR_MANY
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it is forgotten
def test_a_forgotten_writer_commits_nothing(ground: Ground, store: Store, size: int) -> None:
    begin(store, KEY, body(size))
    gc.collect()
    assert ground.visible() == {}


@pytest.mark.parametrize(("code", "warnings"), [(499, 0), (403, 1)])
def test_google_says_499_when_it_has_cancelled_an_upload(
    code: int, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    class File:
        closed = False

        def discard(self) -> None:
            error = OSError("Client Closed Request")
            error.code = code  # type: ignore[attr-defined]
            raise error

    class FileSystem:
        def open(self, *args: Any, **kwargs: Any) -> File:
            return File()

    ObjectStore(FileSystem(), "bucket", "gs://bucket").open(KEY).abandon()
    assert len(caplog.records) == warnings


class Remembering:
    """A file system that answers from memory until told not to, and misses what is not there.

    Other stores' file systems do so; s3fs does neither where we use it.
    """

    def __init__(self) -> None:
        self.objects = {"bucket/a/1": "x"}
        self._known: dict[str, str] | None = None

    def invalidate_cache(self, path: str | None = None) -> None:
        self._known = None

    def find(self, path: str, *, detail: bool) -> dict[str, dict[str, object]]:
        if self._known is None:
            self._known = dict(self.objects)
        return {
            key: {"type": "file", "generation": stamp, "size": 1}
            for key, stamp in self._known.items()
        }

    def rm_file(self, path: str) -> None:
        if self.objects.pop(path, None) is None:
            raise FileNotFoundError(path)


def test_a_file_system_that_remembers_listings_is_asked_afresh() -> None:
    fs = Remembering()
    store = ObjectStore(fs, "bucket", "gs://bucket")
    (before,) = store.list("a/")
    fs.find("bucket/a", detail=True)  # somebody else uses the same file system
    fs.objects["bucket/a/1"] = "y"
    (after,) = store.list("a/")
    assert (before.key, after.key) == ("a/1", "a/1")
    assert before.stamp != after.stamp


def test_a_file_system_that_misses_what_is_to_be_deleted_is_forgiven() -> None:
    store = ObjectStore(Remembering(), "bucket", "gs://bucket")
    for _ in range(2):
        store.delete("a/1")
    assert list(store.list("a/")) == []
