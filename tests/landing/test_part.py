"""A part: named after its content, hashed and counted as it passes."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from memory_store import MemoryStore

from airflow_provider_planet_reports.landing.errors import DamagedContent, DestinationError
from airflow_provider_planet_reports.landing.part import PartFile
from airflow_provider_planet_reports.landing.receipt import LandedFile


def ignore(size: int) -> None:
    """Do not count."""


TABLE = b'id,note\n1,"two\nlines"\n2,x\n'


@pytest.mark.parametrize(
    ("data", "name", "rows"),
    [
        (TABLE, "a/part-00001-0f.csv", 2),
        (gzip.compress(TABLE), "a/part-00001-0f.csv.gz", 2),
        (b"PK\x03\x04 and so on", "a/part-00001-0f.zip", None),
        (b"", "a/part-00001-0f.csv", 0),
        (b"id", "a/part-00001-0f.csv", 0),
    ],
    ids=["csv", "gzip", "zip", "nothing", "a header alone"],
)
def test_a_part_is_what_its_bytes_are(
    memory: MemoryStore, data: bytes, name: str, rows: int | None
) -> None:
    part = PartFile(memory, "a/part-00001-0f", ignore)
    for start in range(0, len(data), 7):
        part.write(data[start : start + 7])
    assert part.commit() == LandedFile(name, len(data), hashlib.sha256(data).hexdigest(), rows)
    assert memory.objects == {name: data}


def test_a_part_that_begins_again_knows_nothing_of_its_first_beginning(
    memory: MemoryStore,
) -> None:
    part = PartFile(memory, "a/part-00002-0f", ignore)
    part.write(b"PK\x03\x04 half of another file")
    part.restart()
    part.write(TABLE)
    assert part.commit() == LandedFile(
        "a/part-00002-0f.csv", len(TABLE), hashlib.sha256(TABLE).hexdigest(), 2
    )
    assert memory.objects == {"a/part-00002-0f.csv": TABLE}


def test_a_part_may_begin_again_before_its_first_byte(memory: MemoryStore) -> None:
    part = PartFile(memory, "a/part-00001-0f", ignore)
    part.restart()
    part.write(TABLE)
    assert part.commit().bytes == len(TABLE)


def test_an_abandoned_part_leaves_nothing_and_a_committed_one_stays(memory: MemoryStore) -> None:
    abandoned, committed = (PartFile(memory, f"a/part-0000{n}-0f", ignore) for n in (1, 2))
    for part in (abandoned, committed):
        part.write(TABLE)
    committed.commit()
    for part in (abandoned, committed):
        part.abandon()
    assert memory.objects == {"a/part-00002-0f.csv": TABLE}


def test_a_part_whose_commit_fails_may_be_visible_and_says_so(memory: MemoryStore) -> None:
    part = PartFile(memory, "a/part-00001-0f", ignore)
    part.write(TABLE)
    assert part.visible is None
    memory.fail_at, memory.too_late = len(memory.journal) + 3, True  # after open and write
    with pytest.raises(DestinationError, match="answer to commit"):
        part.commit()
    assert part.visible == "a/part-00001-0f.csv"


@pytest.mark.parametrize("end", [3, 15, -1])
def test_gzip_that_breaks_off_is_damaged_and_never_visible(memory: MemoryStore, end: int) -> None:
    part = PartFile(memory, "a/part-00001-0f", ignore)
    part.write(gzip.compress(TABLE)[:end])
    with pytest.raises(DamagedContent, match="gzip that breaks off"):
        part.commit()
    part.abandon()
    assert memory.objects == {}


@pytest.mark.parametrize(
    "data",
    [
        b'{"message": "expired"}', b'\xef\xbb\xbf\n {"message": 1}', b"[]", b'[{"a": 1}]',
        b"<?xml version='1.0'?><Error/>", b"<!DOCTYPE html><html></html>", b"\r\n<html>",
    ],
)  # fmt: skip
def test_json_and_markup_are_no_report(memory: MemoryStore, data: bytes) -> None:
    part = PartFile(memory, "a/part-00001-0f", ignore)
    with pytest.raises(DamagedContent, match="instead of a report"):
        part.write(data * 9)
        part.commit()
    assert memory.objects == {}


def test_what_cannot_be_abandoned_does_not_hide_why_it_is(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    part = PartFile(memory, "a/part-00001-0f", ignore)
    part.write(TABLE * 9)

    def fail() -> None:
        raise DestinationError("The upload could not be aborted.")

    monkeypatch.setattr(part._writer, "abandon", fail)
    part.abandon()
    assert "The upload could not be aborted." in caplog.text


def test_a_first_chunk_of_two_bytes_does_not_mistake_the_kind(memory: MemoryStore) -> None:
    """As when the connection breaks right there, and the download goes on behind it."""
    part = PartFile(memory, "a/part-00001-0f", ignore)
    part.write(b"PK")
    part.write(b"\x03\x04 and so on")
    assert part.commit().name == "a/part-00001-0f.zip"
