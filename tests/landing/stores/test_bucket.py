"""What only buckets have to promise: parts, retries, lost answers, cancelling, forks, errors."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google_server import Fault, GoogleServer, Request
from grounds import Ground
from obstore.store import GCSStore, MemoryStore, S3Store
from servers import S3Server, free_port

from airflow_provider_planet_reports.landing.errors import (
    Cancelled,
    ConditionsUnsupported,
    DestinationError,
    DestinationRefused,
)
from airflow_provider_planet_reports.landing.stores.bucket import (
    LARGE_AT_A_TIME,
    PART_SIZE,
    BucketStore,
)
from airflow_provider_planet_reports.landing.stores.failures import translated
from airflow_provider_planet_reports.landing.stores.interface import Revision

MIB = 2**20
#: Seconds in which something ends that would go on for two minutes; four are promised.
SOON = 30


def wait_until(true: Callable[[], Any]) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("It does not become true.")


@pytest.fixture
def memory() -> BucketStore:
    return BucketStore([MemoryStore()], "s3://bucket/usage")


@pytest.fixture
def server() -> Iterator[GoogleServer]:
    with GoogleServer() as server:
        server.create_bucket("bucket")
        yield server


@pytest.fixture
def store(server: GoogleServer) -> BucketStore:
    def opened(retries: int) -> GCSStore:
        return GCSStore(
            "bucket",
            prefix="usage",
            config={"service_account_key": server.service_account_key()},
            client_options={"allow_http": True, "timeout": "1d"},
            retry_config={"max_retries": retries},
        )

    return BucketStore([opened(0), opened(3)], "gs://bucket/usage")


@contextmanager
def silence(server: GoogleServer, matches: Callable[[Request], bool]) -> Iterator[None]:
    """The server accepts requests and answers none until the end."""
    end = threading.Event()
    server.faults.append(Fault(matches, times=10**6, before=end.wait, lose_answer=True))
    try:
        yield
    finally:
        server.faults.clear()
        end.set()


# Parts


@pytest.mark.parametrize(
    "sizes",
    [
        [1] * 1000,
        [PART_SIZE],
        [PART_SIZE + 1],
        [5 * PART_SIZE],
        [1, PART_SIZE, 1, MIB, 3 * PART_SIZE, *[7] * 1000, MIB + 1, 0, 5],
        [65_537] * 600,
    ],
    ids=["bytes", "a block", "one more", "many at once", "mixed", "small"],
)
def test_content_may_come_in_pieces_of_any_size(memory: BucketStore, sizes: list[int]) -> None:
    pieces = [bytes([number % 251]) * size for number, size in enumerate(sizes)]
    writer = memory.open("a.csv")
    for piece in pieces:
        writer.write(piece)
    with pytest.raises(FileNotFoundError):
        memory.read("a.csv")
    writer.commit()
    assert memory.read("a.csv").data == b"".join(pieces)
    assert b"".join(memory.stream("a.csv")) == b"".join(pieces)


@pytest.mark.parametrize(("size", "requests"), [(PART_SIZE - 1, 1), (PART_SIZE + MIB, 4)])
def test_less_than_8_mib_are_one_request(
    store: BucketStore, server: GoogleServer, size: int, requests: int
) -> None:
    writer = store.open("a.csv")
    for start in range(0, size, MIB):
        writer.write(b"x" * min(MIB, size - start))
    writer.commit()
    assert len(server.requests) == requests
    assert server.objects("bucket") == {"usage/a.csv": b"x" * size}


def large(memory: BucketStore, number: int, size: int = 2 * MIB) -> Any:
    writer = memory.open(f"{number}.csv")
    writer.write(b"x" * size)
    return writer


@pytest.mark.parametrize("way", ["commit", "abandon"])
@pytest.mark.parametrize("size", [2 * MIB, 2 * PART_SIZE], ids=["in one request", "in parts"])
def test_few_large_objects_are_held_in_memory_at_a_time_the_next_waits_for_the_end_of_one(
    memory: BucketStore, size: int, way: str
) -> None:
    writers = [large(memory, number, size) for number in range(LARGE_AT_A_TIME)]
    memory.open("small.csv").write(b"x" * (MIB - 1))  # waits for nothing
    begun: list[Any] = []
    threading.Thread(target=lambda: begun.append(large(memory, 99, size)), daemon=True).start()
    time.sleep(0.3)
    assert begun == []
    getattr(writers[0], way)()
    wait_until(lambda: begun)


def test_cancelling_ends_the_waiting_of_a_large_object(memory: BucketStore) -> None:
    writers = [large(memory, number) for number in range(LARGE_AT_A_TIME)]
    threading.Timer(0.3, memory.cancel).start()
    with pytest.raises(Cancelled):
        large(memory, 99)
    assert len(writers) == LARGE_AT_A_TIME


@pytest.mark.parametrize("ground", ["moto", "rclone"], indirect=True)
def test_an_upload_that_can_not_be_completed_fails_the_commit_and_leaves_nothing(
    ground: Ground, request: pytest.FixtureRequest
) -> None:
    writer = ground.open().open("a.csv")
    for _ in range(20):
        writer.write(b"x" * MIB)
    server: S3Server = request.getfixturevalue(request.node.callspec.params["ground"])
    bucket = ground.url.partition("@")[2].split("/")[0]
    wait_until(lambda: ground.leftovers() != [])
    (found,) = server.client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    upload = {"Bucket": bucket, "Key": found["Key"], "UploadId": found["UploadId"]}
    wait_until(lambda: len(server.client.list_parts(**upload).get("Parts", [])) == 2)
    server.client.abort_multipart_upload(**upload)
    with pytest.raises(DestinationError):
        writer.commit()
    writer.abandon()
    assert ground.visible() == {}
    assert ground.leftovers() == []


def test_an_upload_that_fails_fails_the_writing(store: BucketStore, server: GoogleServer) -> None:
    del server._buckets["bucket"]
    writer = store.open("a.csv")
    with pytest.raises(DestinationRefused, match=r"^No such bucket"):
        for _ in range(1000):
            writer.write(b"x" * MIB)
    writer.abandon()


@pytest.mark.parametrize("ground", ["moto"], indirect=True)
def test_the_marker_that_some_tools_make_of_a_folder_is_no_object(ground: Ground) -> None:
    ground.disturb("_receipts/", b"")
    ground.disturb("_receipts/a.json", b"{}")
    assert [entry.key for entry in ground.open().list("_receipts/")] == ["_receipts/a.json"]


def test_a_listing_of_many_pages_is_whole(store: BucketStore, server: GoogleServer) -> None:
    server.page_size = 3
    for number in range(20):
        store.put_always(f"a/{number:02d}", b"x")
    assert len(list(store.list("a/"))) == 20
    assert [each.key for each in store.list("a/", after="a/16")] == ["a/17", "a/18", "a/19"]


# Conditions and lost answers


@pytest.mark.parametrize("times", [1, 10])
def test_a_put_whose_answer_is_lost_fails_though_the_object_may_be_there(
    store: BucketStore, server: GoogleServer, times: int
) -> None:
    """Either the repeated request meets the first one's object, or there is never an answer."""
    server.faults.append(Fault(lambda each: each.method == "PUT", times, lose_answer=True))
    with pytest.raises(DestinationError) as failure:
        store.put("_receipts/a.json", b"{}", replaces=None)
    assert not failure.value.final
    assert server.objects("bucket") == {"usage/_receipts/a.json": b"{}"}


def answering(status: int, body: str = "") -> Callable[[GoogleServer], None]:
    answer = status, body.encode(), {}

    def change(server: GoogleServer) -> None:
        server.handle = lambda request: server.requests.append(request) or answer  # type: ignore[method-assign,func-returns-value]

    return change


def test_a_server_that_says_501_is_believed_at_once(
    store: BucketStore, server: GoogleServer
) -> None:
    answering(501)(server)
    with pytest.raises(ConditionsUnsupported):
        store.put("_receipts/a.json", b"{}", replaces=None)
    assert len(server.requests) == 1
    assert not store.keeps_conditions()


def test_what_can_not_be_found_out_about_conditions_is_an_error_and_asked_again(
    store: BucketStore, server: GoogleServer
) -> None:
    server.faults.append(Fault(lambda each: each.method == "PUT", 4 + 1, lose_answer=True))
    with pytest.raises(DestinationError):
        store.keeps_conditions()
    server.faults.clear()
    assert store.keeps_conditions()
    asked = len(server.requests)
    assert store.keeps_conditions()
    assert len(server.requests) == asked


# Cancelling

CHILD = """
import signal, sys, threading
from obstore.store import GCSStore
from airflow_provider_planet_reports.landing.errors import Cancelled
from airflow_provider_planet_reports.landing.stores.bucket import BucketStore

key, operation, how = sys.argv[1:]
store = BucketStore(
    [GCSStore("bucket", config={"service_account_key": key},
              client_options={"allow_http": True, "timeout": "1d", "read_timeout": "2m"})],
    "gs://bucket",
)
writer = store.open("a.csv")

class Stopped(BaseException):
    pass

def stop(*_):
    if how == "cancel":
        store.cancel()
    else:
        threading.Timer(1, store.cancel).start()  # as a run does that has ended
        raise Stopped

def write():
    while True:
        writer.write(bytes(2**20))

signal.signal(signal.SIGTERM, stop)
try:
    {
        "put": lambda: store.put("a.csv", b"x", replaces=None),
        "upload": write,
        "list": lambda: list(store.list("a/")),
        "read": lambda: store.read("a.csv"),
    }[operation]()
except (Cancelled, Stopped) as error:
    print(type(error).__name__)
finally:
    writer.abandon()
"""
SILENT: dict[str, Callable[[Request], bool]] = {
    "put": lambda each: each.method == "PUT",
    "upload": lambda each: "partNumber" in each.query,
    "list": lambda each: not each.key,
    "read": lambda each: each.method == "GET",
}


@pytest.mark.parametrize(("how", "says"), [("cancel", "Cancelled"), ("raise", "Stopped")])
@pytest.mark.parametrize("operation", SILENT)
def test_a_process_ends_soon_after_a_signal_though_the_server_is_silent(
    server: GoogleServer, operation: str, how: str, says: str
) -> None:
    """``on_kill`` cancels the store, ``execution_timeout`` raises an error in the main thread."""
    command = [sys.executable, "-c", CHILD, server.service_account_key(), operation, how]
    with (
        silence(server, SILENT[operation]),
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        wait_until(lambda: any(SILENT[operation](each) for each in server.requests))
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(SOON) == 0
        finally:
            process.kill()
        assert process.stdout is not None
        assert process.stdout.read().strip() == says


def test_cancelling_wakes_all_callers_in_all_threads(
    store: BucketStore, server: GoogleServer
) -> None:
    errors: list[BaseException] = []

    def read() -> None:
        try:
            store.read("a.csv")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    with silence(server, lambda each: True):
        for thread in threads:
            thread.start()
        wait_until(lambda: len(server.requests) >= 8)
        store.cancel()
        for thread in threads:
            thread.join(SOON)
        assert [type(error) for error in errors] == [Cancelled] * 8


def test_cancelling_aborts_an_upload_whose_server_answers(
    store: BucketStore, server: GoogleServer
) -> None:
    writer = store.open("a.csv")
    writer.write(b"x" * 2 * PART_SIZE)
    wait_until(lambda: server.unfinished_uploads("bucket"))
    store.cancel()
    with pytest.raises(Cancelled):
        writer.commit()
    writer.abandon()
    assert server.unfinished_uploads("bucket") == []
    assert server.objects("bucket") == {}


def test_abandoning_waits_for_a_slow_server_and_leaves_nothing(
    store: BucketStore, server: GoogleServer, caplog: pytest.LogCaptureFixture
) -> None:
    slowly = Fault(SILENT["upload"], times=4, before=lambda: time.sleep(3))
    server.faults.append(slowly)
    writer = store.open("a.csv")
    for _ in range(26):
        writer.write(b"x" * MIB)
    writer.abandon()
    assert server.unfinished_uploads("bucket") == []
    assert caplog.messages == []


def test_abandoning_does_not_wait_long_for_a_silent_server(
    store: BucketStore, server: GoogleServer, caplog: pytest.LogCaptureFixture
) -> None:
    with silence(server, lambda each: "uploadId" in each.query):
        writers = [store.open(f"{name}.csv") for name in "ab"]
        for writer in writers:
            writer.write(b"x" * 2 * PART_SIZE)
        wait_until(lambda: len(server.requests) >= 4)
        store.cancel()
        started = time.monotonic()
        for writer in writers:
            writer.abandon()
        assert time.monotonic() - started < SOON
    assert caplog.messages.count(
        "An unfinished upload was left behind: the store does not answer."
    ) == len(writers)


# Forks

FORKED = """
import os, signal, sys
from obstore.store import GCSStore
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.stores.bucket import BucketStore

def opened():
    bucket = GCSStore("bucket", config={"service_account_key": sys.argv[1]},
                      client_options={"allow_http": True})
    return BucketStore([bucket], "gs://bucket")

store = opened()
if sys.argv[2] == "used":
    store.put_always("a.csv", b"x")
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
for each in (store, opened()):
    try:
        each.put_always("b.csv", b"x")
        print("written")
    except DestinationError as error:
        print(str(error)[:62])
"""


@pytest.mark.parametrize(
    ("used", "says"),
    [
        ("used", "This process was forked from one that had used a bucket: start"),
        ("unused", "written"),
    ],
)
def test_a_process_forked_from_one_that_used_a_bucket_gets_an_error_and_no_hang(
    server: GoogleServer, used: str, says: str
) -> None:
    python = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, server.service_account_key(), used],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert python.stdout.splitlines() == [says] * 2


# Errors


def test_root_causes_are_shown_with_what_to_do(server: GoogleServer) -> None:
    def failure(endpoint: str, **options: Any) -> str:
        bucket = S3Store(
            "bucket",
            aws_endpoint_url_s3=endpoint,
            skip_signature=True,
            client_options={"allow_http": True, **options},
            retry_config={"max_retries": 0},
        )
        with pytest.raises(DestinationError) as failure:
            list(BucketStore([bucket], "s3://bucket").list("_receipts/"))
        assert failure.value.__suppress_context__
        return str(failure.value)

    closed = f"127.0.0.1:{free_port()}"
    assert failure(f"http://{closed}") == (
        "Connection refused: check the endpoint's host and port (GenericError). "
        f"GET http://{closed}/bucket"
    )
    assert failure("http://nowhere.invalid").startswith("Unknown host: check endpoint, region")
    for proxy in (closed, f"127.0.0.1:{server.server_port}"):
        said = failure("https://s3.example.com", proxy_url=f"http://{proxy}")
        assert said.startswith("No way through the proxy: check HTTPS_PROXY, NO_PROXY")


@pytest.mark.parametrize(
    ("status", "code", "final", "says"),
    [
        (404, "NoSuchBucket", True, "No such bucket or container: create"),
        (404, "ContainerNotFound", True, "No such bucket or container: create"),
        (403, "InvalidAccessKeyId", True, "Credentials rejected: renew them in the connection"),
        (403, "SignatureDoesNotMatch", True, "Credentials rejected: renew them"),
        (403, "AuthenticationFailed", True, "Credentials rejected: renew them"),
        (400, "ExpiredToken", True, "Credentials rejected: renew them"),
        (401, "", True, "Credentials rejected: renew them"),
        (301, "", True, "Wrong region for this bucket: correct region_name"),
        (400, "AuthorizationHeaderMalformed", True, "Wrong region for this bucket"),
        (400, "InvalidArgument", True, "Refused by the store: check connection and bucket policy"),
        (429, "", False, "The store fails, or is too slow: run again later"),
        (500, "InternalError", False, "The store fails, or is too slow: run again later"),
        (503, "SlowDown", False, "The store fails, or is too slow: run again later"),
    ],
)
def test_answers_are_explained_and_final_where_a_retry_can_not_help(
    server: GoogleServer, status: int, code: str, final: bool, says: str
) -> None:
    answering(status, f"<Error><Code>{code}</Code><Message>of 5ec2e7</Message></Error>")(server)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    bucket = S3Store(
        "bucket", aws_endpoint_url_s3=endpoint, skip_signature=True,
        client_options={"allow_http": True}, retry_config={"max_retries": 0},
    )  # fmt: skip
    store = BucketStore([bucket], "s3://bucket")
    for failing in (
        lambda: store.put_always("a.csv", b"x"),
        lambda: store.put("a.csv", b"x", replaces=Revision('"1"')),
        lambda: list(store.list("a/")),
        lambda: store.read("a.csv"),
        lambda: store.delete("a.csv"),
    ):
        with pytest.raises(DestinationError) as failure:
            failing()
        said = str(failure.value)
        assert said.startswith(says)
        assert failure.value.final is final
        assert code in said
        assert f" {endpoint}/bucket" in said
        assert "5ec2e7" not in said
        assert "<" not in said
        assert "?" not in said
        assert "\n" not in said


def test_a_403_says_what_is_missing(store: BucketStore, server: GoogleServer) -> None:
    answering(403, "<Error><Code>AccessDenied</Code></Error>")(server)
    for reading in (lambda: store.read("a.json"), lambda: list(store.list("a/"))):
        with pytest.raises(DestinationRefused, match=r"^No right to read: .* 403 for a missing"):
            reading()
    for writing in (lambda: store.put_always("a", b""), lambda: store.delete("a")):
        with pytest.raises(DestinationRefused, match=r"^No right to write: allow this user"):
            writing()


def test_credentials_that_can_not_be_had_are_said_in_one_line() -> None:
    text = (
        "The operation lacked valid authentication credentials for path External AWS credential "
        "provider: RefreshError: invalid_grant\nand more\n\nDebug source:\nUnauthenticated {}"
    )
    said = str(translated(RuntimeError(text), "gs://bucket/a"))
    assert said == (
        "No credentials to be had: check the connection (RefreshError: invalid_grant). "
        "gs://bucket/a"
    )
