"""What only a folder has to promise: nothing stays of killed writers, nothing is taken away."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airflow_provider_planet_reports.landing.stores.interface import put
from airflow_provider_planet_reports.landing.stores.local import LocalStore

WRITER = """
import sys
from pathlib import Path
from airflow_provider_planet_reports.landing.stores.local import LocalStore

writer = LocalStore(Path(sys.argv[1])).open("a/b.csv")
writer.write(b"half")
print("writing", flush=True)
sys.stdin.readline()
writer.write(b" whole")
writer.commit()
"""


@contextmanager
def another_process_writing(root: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
        if process.poll() is None:
            process.kill()


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file())


def test_a_killed_writer_leaves_nothing_visible_and_the_next_run_removes_the_rest(
    tmp_path: Path,
) -> None:
    """Every run lists the receipts; it may never look into the folder that was written to."""
    with another_process_writing(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        (hidden,) = names(tmp_path)
        assert hidden.startswith(".")
        assert list(LocalStore(tmp_path).list("_receipts/")) == []
        assert names(tmp_path) == []


def test_a_living_writers_file_survives_the_listing_of_another_process(tmp_path: Path) -> None:
    with another_process_writing(tmp_path) as process:
        assert list(LocalStore(tmp_path).list("")) == []
        process.communicate("go on\n")
        assert process.returncode == 0
    assert (tmp_path / "a/b.csv").read_bytes() == b"half whole"
    assert names(tmp_path) == ["b.csv"]


def test_a_living_writers_file_survives_a_listing_by_another_thread(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    writer = store.open("a/b.csv")
    assert list(store.list("a/")) == []
    writer.commit()
    assert [entry.key for entry in store.list("")] == ["a/b.csv"]


def test_a_listing_may_come_between_a_file_and_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sensors and watchers list receipts all the time: once in a thousand they meet this."""
    flock, listings = fcntl.flock, iter([LocalStore(tmp_path)])

    def after_a_listing(file: object, operation: int) -> None:
        if not operation & fcntl.LOCK_EX:
            for store in listings:
                list(store.list(""))
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", after_a_listing)
    put(LocalStore(tmp_path), "a.csv", b"x")
    assert names(tmp_path) == ["a.csv"]


def test_the_bytes_are_on_the_disk_before_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a machine that goes down may leave an empty file, with a receipt that is not."""
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(names(tmp_path)))
    put(LocalStore(tmp_path), "a.csv", b"x")
    assert [[name.startswith(".") for name in each] for each in seen] == [[True]]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_forgotten_writer_commits_nothing(tmp_path: Path) -> None:
    LocalStore(tmp_path).open("a.csv").write(b"half")
    gc.collect()
    assert list(LocalStore(tmp_path).list("")) == []
    assert names(tmp_path) == []


def test_a_foreign_hidden_file_is_not_removed(tmp_path: Path) -> None:
    for name in (".keep", "notes.tmp"):
        (tmp_path / name).write_bytes(b"mine")
    list(LocalStore(tmp_path).list(""))
    assert names(tmp_path) == [".keep", "notes.tmp"]


def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path: Path) -> None:
    key = f"_receipts/{'x' * 250}.json"
    put(LocalStore(tmp_path), key, b"{}")
    assert LocalStore(tmp_path).read(key) == b"{}"


def test_an_open_file_goes_on_reading_what_it_was_when_it_is_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    put(store, "a.csv", b"older")
    with (tmp_path / "a.csv").open("rb") as reader:
        put(store, "a.csv", b"newer")
        assert reader.read() == b"older"
    assert store.read("a.csv") == b"newer"


def test_a_destination_that_cannot_be_made_is_an_error_not_an_empty_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="file"):
        put(LocalStore(tmp_path / "file"), "a.csv", b"x")


def test_a_folder_that_cannot_be_listed_is_an_error_not_an_empty_place(tmp_path: Path) -> None:
    (tmp_path / "_receipts").symlink_to("_receipts")  # as unreadable as a mount that went away
    with pytest.raises(OSError, match="_receipts"):
        list(LocalStore(tmp_path).list("_receipts/"))


def test_committed_files_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        put(LocalStore(tmp_path), "a.csv", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640
