"""The test server of Google's protocol, as obstore's client sees it."""

from __future__ import annotations

import threading

import pytest
from google_server import Fault, GoogleServer

obstore = pytest.importorskip("obstore")

from obstore.exceptions import AlreadyExistsError, GenericError, PreconditionError  # noqa: E402
from obstore.store import GCSStore  # noqa: E402

MIB = 2**20


def store_of(google, bucket="bucket", **retry):
    return GCSStore(
        bucket,
        config={"service_account_key": google.service_account_key()},
        client_options={"allow_http": True},
        retry_config={"max_retries": 0, **retry},
    )


@pytest.fixture
def google():
    with GoogleServer() as google:
        google.page_size = 3
        google.create_bucket("bucket")
        yield google


@pytest.fixture
def store(google):
    return store_of(google)


def read(store, key):
    return bytes(obstore.get(store, key).bytes())


def lose(method):
    return Fault(lambda request: request.method == method, lose_answer=True)


def test_an_object_is_read_as_it_was_put_whole_and_in_part(google, store):
    key = "a b/ü%2F+&?.csv"
    put = obstore.put(store, key, b"0123456789")
    assert google.objects("bucket") == {key: b"0123456789"}
    assert read(store, key) == b"0123456789"
    assert bytes(obstore.get_range(store, key, start=2, length=3)) == b"234"
    assert bytes(obstore.get(store, key, options={"range": {"offset": 7}}).bytes()) == b"789"
    assert bytes(obstore.get(store, key, options={"range": {"suffix": 2}}).bytes()) == b"89"
    meta = obstore.head(store, key)
    assert (meta["path"], meta["size"]) == (key, 10)
    assert (meta["e_tag"], meta["version"]) == (put["e_tag"], put["version"])


def test_each_put_makes_a_generation_and_equal_bytes_an_equal_etag(store):
    first, second = (obstore.put(store, "a", b"1") for _ in range(2))
    assert first["e_tag"] == second["e_tag"]
    assert first["version"] != second["version"]


def test_a_missing_object_and_a_missing_bucket_are_not_found(google, store):
    for missing, why in ((store, "NoSuchKey"), (store_of(google, "other"), "NoSuchBucket")):
        with pytest.raises(FileNotFoundError, match=why):
            obstore.get(missing, "a")


def test_create_succeeds_once(google, store):
    obstore.put(store, "a", b"1", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(store, "a", b"2", mode="create")
    assert google.objects("bucket") == {"a": b"1"}
    obstore.delete(store, "a")
    obstore.put(store, "a", b"3", mode="create")


def test_update_needs_the_version_that_is_there(google, store):
    first = obstore.put(store, "a", b"1")
    second = obstore.put(store, "a", b"2", mode={**first})
    for wrong in (first, {**second, "version": "1"}):
        with pytest.raises(PreconditionError):
            obstore.put(store, "a", b"3", mode={**wrong})
    obstore.delete(store, "a")
    with pytest.raises(PreconditionError):
        obstore.put(store, "a", b"3", mode={**second})
    assert google.objects("bucket") == {}


def test_of_many_creates_at_the_same_time_one_succeeds(google, store):
    start, won = threading.Barrier(8), []

    def create(number):
        start.wait()
        try:
            obstore.put(store, "a", b"%d" % number, mode="create")
        except AlreadyExistsError:
            return
        won.append(b"%d" % number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert google.objects("bucket") == {"a": won[0]}
    assert len(won) == 1


@pytest.mark.parametrize("retries", [0, 1])
def test_a_create_whose_answer_is_lost_has_taken_effect(google, retries):
    google.faults.append(lose("PUT"))
    # Without a retry obstore says that sending failed; with one it meets its own object.
    with pytest.raises(AlreadyExistsError if retries else GenericError):
        obstore.put(store_of(google, max_retries=retries), "a", b"1", mode="create")
    assert google.objects("bucket") == {"a": b"1"}
    assert [request.method for request in google.requests] == ["PUT"] * (1 + retries)


def test_a_request_can_be_held_before_and_after_its_effect(google, store):
    seen = []

    def look():
        seen.append(google.objects("bucket"))

    google.faults.append(Fault(lambda request: request.key == "a", before=look, after=look))
    for key in ("b", "a", "a"):
        obstore.put(store, key, b"")
    assert seen == [{"b": b""}, {"b": b"", "a": b""}]


def test_a_large_object_comes_in_parts(google, store):
    data = b"".join(bytes([number]) * MIB for number in range(24))
    put = obstore.put(store, "a", data, chunk_size=8 * MIB, max_concurrency=3)
    assert google.objects("bucket") == {"a": data}
    assert google.unfinished_uploads("bucket") == []
    numbers = [request.query.get("partNumber") for request in google.requests]
    assert sorted(number for number in numbers if number) == ["1", "2", "3"]
    assert obstore.head(store, "a")["version"] == put["version"]


def test_what_is_not_completed_is_unfinished_until_it_is_aborted(google, store):
    def source():
        yield bytes(8 * MIB)
        yield bytes(8 * MIB)
        held.extend(google.unfinished_uploads("bucket"))
        raise RuntimeError("the source ends early")

    held = []
    with pytest.raises(RuntimeError, match="ends early"):
        obstore.put(store, "a", source(), chunk_size=8 * MIB, max_concurrency=1)
    assert held == ["a"]
    assert google.unfinished_uploads("bucket") == []
    assert google.objects("bucket") == {}


def test_a_listing_has_pages_in_order_of_keys(google, store):
    keys = [f"p/{number}" for number in range(10)]
    for key in ["o", *reversed(keys), "q"]:
        obstore.put(store, key, b"12")
    listed = [meta for page in obstore.list(store, prefix="p") for meta in page]
    assert [meta["path"] for meta in listed] == keys
    assert {meta["size"] for meta in listed} == {2}
    pages = [request for request in google.requests if "list-type" in request.query]
    assert len(pages) == 4
    after = [
        meta["path"] for page in obstore.list(store, prefix="p", offset="p/4") for meta in page
    ]
    assert after == keys[5:]


def test_a_delimiter_gathers_keys_over_all_pages(store):
    for key in ("a/1", "a/2", "a/3", "a/4", "a/5", "b", "c/1", "d", "e/1/2"):
        obstore.put(store, key, b"")
    listed = obstore.list_with_delimiter(store)
    assert sorted(listed["common_prefixes"]) == ["a", "c", "e"]
    assert [meta["path"] for meta in listed["objects"]] == ["b", "d"]


def test_what_is_deleted_is_gone(google, store):
    for key in "abc":
        obstore.put(store, key, b"")
    obstore.delete(store, ["a", "b"])
    assert google.objects("bucket") == {"c": b""}
