"""A part: named after its content, hashed and counted as it passes."""

from __future__ import annotations

import gzip
import hashlib
import traceback

import pytest
from grounds import MemoryStore

from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.part import PartFile
from airflow_provider_planet_reports.landing.receipt import LandedFile

TABLE = b'id,note\n1,"two\nlines"\n2,x\n'


@pytest.mark.parametrize(
    ("data", "name", "rows"),
    [
        (TABLE, "a/part-00001.csv", 2),
        (gzip.compress(TABLE), "a/part-00001.csv.gz", 2),
        (b"PK\x03\x04 and so on", "a/part-00001.zip", None),
        (b"", "a/part-00001.csv", 0),
        (b"id", "a/part-00001.csv", 0),
    ],
    ids=["csv", "gzip", "zip", "nothing", "a header alone"],
)
def test_a_part_is_what_its_bytes_are(
    memory: MemoryStore, data: bytes, name: str, rows: int | None
) -> None:
    part = PartFile(memory, "a/", 1)
    for start in range(0, len(data), 7):
        part.write(data[start : start + 7])
    assert part.commit() == LandedFile(name, len(data), hashlib.sha256(data).hexdigest(), rows)
    assert memory.objects == {name: data}


def test_a_part_that_begins_again_knows_nothing_of_its_first_beginning(
    memory: MemoryStore,
) -> None:
    part = PartFile(memory, "a/", 2)
    part.write(b"PK\x03\x04 half of another file")
    part.restart()
    part.write(TABLE)
    assert part.commit() == LandedFile(
        "a/part-00002.csv", len(TABLE), hashlib.sha256(TABLE).hexdigest(), 2
    )
    assert memory.objects == {"a/part-00002.csv": TABLE}
    assert memory.unfinished == set()


def test_a_part_may_begin_again_before_its_first_byte(memory: MemoryStore) -> None:
    part = PartFile(memory, "a/", 1)
    part.restart()
    part.write(TABLE)
    assert part.commit().bytes == len(TABLE)


def test_an_abandoned_part_leaves_nothing_and_a_committed_one_stays(memory: MemoryStore) -> None:
    abandoned, committed = PartFile(memory, "a/", 1), PartFile(memory, "a/", 2)
    for part in (abandoned, committed):
        part.write(TABLE)
    committed.commit()
    for part in (abandoned, committed):
        part.abandon()
    assert memory.objects == {"a/part-00002.csv": TABLE}
    assert memory.unfinished == set()


def test_a_part_is_landed_if_only_the_answer_was_lost(memory: MemoryStore) -> None:
    part = PartFile(memory, "a/", 1)
    part.write(TABLE)
    memory.fail_at, memory.too_late = len(memory.journal) + 1, True
    file = part.commit()
    assert memory.objects == {file.name: TABLE}
    assert memory.unfinished == set()


def test_a_part_is_landed_if_another_run_has_landed_the_same(memory: MemoryStore) -> None:
    part = PartFile(memory, "a/", 1)
    part.write(TABLE)
    memory.put("a/part-00001.csv", TABLE)
    memory.fail_at = len(memory.journal) + 1
    part.commit()
    assert memory.unfinished == set()


def test_a_part_is_not_landed_if_another_is_there_instead(memory: MemoryStore) -> None:
    memory.put("a/part-00001.csv", b"older")
    part = PartFile(memory, "a/", 1)
    part.write(TABLE)
    memory.fail_at = len(memory.journal) + 1
    with pytest.raises(DestinationError, match="completed"):
        part.commit()


def test_what_cannot_be_abandoned_does_not_hide_why_it_is_and_keeps_no_other_part(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    part = PartFile(memory, "a/", 1)
    part.write(TABLE)

    def fail() -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(part._writer, "abandon", fail)
    part.abandon()
    assert "a/part-00001.csv could not be abandoned" in caplog.text


def test_a_first_chunk_of_two_bytes_does_not_mistake_the_kind(memory: MemoryStore) -> None:
    """As when the connection breaks right there, and the download goes on behind it."""
    part = PartFile(memory, "a/", 1)
    part.write(b"PK")
    part.write(b"\x03\x04 and so on")
    assert part.commit().name == "a/part-00001.zip"


@pytest.mark.parametrize(
    ("operation", "said"), [("open", "begun"), ("write", "written"), ("commit", "completed")]
)
def test_a_store_that_fails_is_a_destination_error_that_says_where(
    operation: str, said: str
) -> None:
    part = PartFile(Failing(operation), "a/", 1)

    def land() -> None:
        part.write(TABLE)
        part.commit()

    with pytest.raises(DestinationError, match=rf"memory://.* could not be {said}") as trouble:
        land()
    assert "OSError: PUT https://account.example/a?***" in str(trouble.value)
    assert "5ec2e7" not in str(trouble.value)


@pytest.mark.parametrize("operation", ["open", "write", "commit"])
def test_not_even_the_traceback_shows_a_signed_address(operation: str) -> None:
    part = PartFile(Failing(operation), "a/", 1)

    def land() -> None:
        part.write(TABLE)
        part.commit()

    with pytest.raises(DestinationError) as trouble:
        land()
    assert "5ec2e7" not in "".join(traceback.format_exception(trouble.value))


class Failing(MemoryStore):
    """A store whose error tells a signed address, as some of them do."""

    def __init__(self, operation: str) -> None:
        super().__init__()
        self._failing = operation

    def do(self, operation, key, effect):
        if operation == self._failing:
            raise OSError("PUT https://account.example/a?sv=1&sig=5ec2e7 answered 403")
        return super().do(operation, key, effect)
