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
def inspection():
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
    return sum(each.name.startswith("inspection") for each in threading.enumerate())


@pytest.mark.parametrize("number", [1, 2])
def test_all_chunks_count_in_their_order(cores, inspection, number):
    cores(number)
    file = inspection()
    chunks = [b"%d,b\n" % each + CHUNK for each in range(12)]
    for chunk in chunks:
        file.update(chunk)
    file.complete()
    whole = b"".join(chunks)
    assert file.sha256() == hashlib.sha256(whole).hexdigest()
    assert (file.size, file.rows()) == (len(whole), whole.count(b"\n") - 1)


def test_a_large_file_has_a_thread_of_its_own(cores, inspection):
    cores(2)
    file = inspection(chunks=1)
    assert threads() == 0
    file.update(CHUNK)
    assert threads() == 1


def test_with_as_many_files_as_cores_none_has_a_thread(cores, inspection):
    cores(2)
    inspection(chunks=1)
    inspection(chunks=4)
    assert threads() == 0


@pytest.mark.parametrize("end", [StreamStats.complete, StreamStats.end])
def test_a_thread_that_is_let_go_makes_room_for_another(cores, inspection, end):
    cores(2)
    first = inspection(chunks=2)
    assert threads() == 1
    end(first)
    deadline = time.monotonic() + 10
    while threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threads() == 0
    inspection(chunks=2)
    assert threads() == 1
