"""What is found out about a file while its bytes pass, and with how many threads."""

import hashlib
import os
import threading
import time

import pytest

from airflow_provider_planet_reports.landing.content.rows import CSVRows
from airflow_provider_planet_reports.landing.content.stream_stats import StreamStats

CHUNK = b"a,b\n" * 2**18


@pytest.fixture
def cores(monkeypatch):
    return lambda number: monkeypatch.setattr(os, "cpu_count", lambda: number)


@pytest.fixture
def stats():
    begun = []

    def begin(chunks=0):
        begun.append(StreamStats(CSVRows()))
        for _ in range(chunks):
            begun[-1].update(CHUNK)
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


def threads():
    return sum(each.name.startswith("stream-stats") for each in threading.enumerate())


@pytest.mark.parametrize("number", [1, 2])
def test_all_chunks_count_in_their_order(cores, stats, number):
    cores(number)
    file = stats()
    chunks = [b"%d,b\n" % each + CHUNK for each in range(12)]
    for chunk in chunks:
        file.update(chunk)
    file.complete()
    whole = b"".join(chunks)
    assert file.sha256() == hashlib.sha256(whole).hexdigest()
    assert (file.size, file.rows()) == (len(whole), whole.count(b"\n") - 1)


def test_a_large_file_has_a_thread_of_its_own(cores, stats):
    cores(2)
    file = stats(chunks=1)
    assert threads() == 0
    file.update(CHUNK)
    assert threads() == 1


def test_with_as_many_files_as_cores_none_has_a_thread(cores, stats):
    cores(2)
    stats(chunks=1)
    stats(chunks=4)
    assert threads() == 0


@pytest.mark.parametrize("end", [StreamStats.complete, StreamStats.end])
def test_a_thread_that_is_let_go_makes_room_for_another(cores, stats, end):
    cores(2)
    first = stats(chunks=2)
    assert threads() == 1
    end(first)
    deadline = time.monotonic() + 10
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == 0
    stats(chunks=2)
    assert threads() == 1
