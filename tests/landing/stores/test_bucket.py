"""How objects get into a store through obstore: in one piece, or in parts by a thread."""

from __future__ import annotations

import gc
import threading
import time
from typing import Any

import pytest
from grounds import Ground
from servers import S3Server, free_port

pytest.importorskip("obstore")

from obstore.store import MemoryStore, S3Store

from airflow_provider_planet_reports.landing.stores.bucket import BLOCK_SIZE, ObstoreStore

MIB = 2**20


def uploads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "landing-upload"]


def wait_for_no_uploads() -> None:
    for _ in range(600):
        if not uploads():
            return
        time.sleep(0.05)
    raise AssertionError("A thread uploads still.")


@pytest.fixture
def store() -> ObstoreStore:
    return ObstoreStore(MemoryStore(), "s3://bucket/usage")


@pytest.fixture
def store_that_is_away() -> ObstoreStore:
    bucket = S3Store(
        "bucket",
        aws_endpoint_url_s3=f"http://127.0.0.1:{free_port()}",
        skip_signature=True,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    return ObstoreStore(bucket, "s3://bucket/usage")


@pytest.mark.parametrize(
    "sizes",
    [
        [1] * 1000,
        [BLOCK_SIZE],
        [BLOCK_SIZE + 1],
        [5 * BLOCK_SIZE],
        [1, BLOCK_SIZE, 1, MIB, 3 * BLOCK_SIZE, *[7] * 1000, MIB + 1, 0, 5],
        [65_537] * 600,
    ],
    ids=["bytes", "a block", "one more", "many at once", "mixed", "small"],
)
def test_content_may_come_in_pieces_of_any_size(store: ObstoreStore, sizes: list[int]) -> None:
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    writer = store.open("a.csv")
    for piece in pieces:
        writer.write(piece)
    with pytest.raises(FileNotFoundError):
        store.read("a.csv")
    writer.commit()
    assert store.read("a.csv") == b"".join(pieces)
    assert b"".join(store.stream("a.csv")) == b"".join(pieces)


def test_what_makes_one_request_needs_no_thread(store: ObstoreStore) -> None:
    writer = store.open("a.csv")
    writer.write(b"x" * BLOCK_SIZE)
    assert uploads() == []
    writer.write(b"x")
    assert len(uploads()) == 1
    writer.abandon()
    wait_for_no_uploads()


def test_a_forgotten_writer_is_forgotten_by_its_thread_too(store: ObstoreStore) -> None:
    writer = store.open("a.csv")
    writer.write(b"x" * 3 * BLOCK_SIZE)
    del writer
    gc.collect()
    wait_for_no_uploads()
    assert list(store.list("")) == []


def test_an_upload_that_fails_fails_the_writing(
    store_that_is_away: ObstoreStore, caplog: pytest.LogCaptureFixture
) -> None:
    writer = store_that_is_away.open("a.csv")
    with pytest.raises(OSError, match="error sending request"):
        for _ in range(1000):
            writer.write(b"x" * MIB)
    writer.abandon()
    wait_for_no_uploads()
    assert caplog.records == []


def test_errors_are_one_line_and_show_no_more_of_an_address_than_where_it_leads(
    store_that_is_away: ObstoreStore,
) -> None:
    with pytest.raises(OSError, match=r"/bucket\?\*\*\* ") as failure:
        list(store_that_is_away.list("_receipts/"))
    assert "\n" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__


@pytest.mark.parametrize("ground", ["moto-obstore", "rclone-obstore"], indirect=True)
def test_an_upload_that_can_not_be_completed_leaves_nothing(
    ground: Ground, request: pytest.FixtureRequest
) -> None:
    writer = ground.open().open("a.csv")
    for _ in range(20):
        writer.write(b"x" * MIB)
    server: S3Server = request.getfixturevalue(
        request.node.callspec.params["ground"].removesuffix("-obstore")
    )
    bucket = ground.url.partition("@")[2].split("/")[0]
    wait_until(lambda: ground.leftovers() != [])
    (found,) = server.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    upload = {"Bucket": bucket, "Key": found["Key"], "UploadId": found["UploadId"]}
    wait_until(lambda: len(server.client.list_parts(**upload).get("Parts", [])) == 2)
    server.client.abort_multipart_upload(**upload)
    with pytest.raises(OSError, match="Server returned"):
        writer.commit()
    writer.abandon()
    assert ground.visible() == {}
    assert ground.leftovers() == []


def wait_until(true: Any) -> None:
    for _ in range(200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("It does not become true.")


@pytest.mark.parametrize("ground", ["moto-obstore"], indirect=True)
def test_the_marker_that_some_tools_make_of_a_folder_is_no_object(ground: Ground) -> None:
    ground.disturb("_receipts/", b"")
    ground.disturb("_receipts/a.json", b"{}")
    assert [entry.key for entry in ground.open().list("_receipts/")] == ["_receipts/a.json"]
