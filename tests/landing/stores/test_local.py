"""What only a folder has to promise: nothing stays of killed writers, nothing is taken away."""

from __future__ import annotations

import errno
import fcntl
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_planet_reports.landing import durable_files
from airflow_provider_planet_reports.landing.errors import (
    Cancelled,
    DestinationError,
    DestinationRefused,
)
from airflow_provider_planet_reports.landing.stores.local import LocalStore

RECEIPT = "_receipts/a.json"
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
    """All files but for the lock, which stays."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if name != "_receipts/.lock")


def test_what_a_killed_writer_left_is_invisible_and_removed_by_the_next_writer(
    tmp_path: Path,
) -> None:
    with another_process_writing(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert names(tmp_path)[0].startswith("_receipts/.unfinished/")
    assert list(LocalStore(tmp_path).list("")) == []
    LocalStore(tmp_path).put_always("other.csv", b"x")
    assert names(tmp_path) == ["other.csv"]


def test_a_living_writers_file_survives_the_next_writer(tmp_path: Path) -> None:
    with another_process_writing(tmp_path) as process:
        ours = LocalStore(tmp_path).open("ours.csv")
        LocalStore(tmp_path).put_always("other.csv", b"x")
        process.communicate("go on\n")
        assert process.returncode == 0
    ours.commit()
    assert (tmp_path / "a/b.csv").read_bytes() == b"half whole"
    assert names(tmp_path) == ["a/b.csv", "other.csv", "ours.csv"]


def test_a_sweep_may_come_between_a_file_and_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, sweeps = fcntl.flock, iter([None])

    def after_a_sweep(file: int, operation: int) -> None:
        for _ in sweeps:
            durable_files.sweep(str(tmp_path / "_receipts/.unfinished"))
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", after_a_sweep)
    LocalStore(tmp_path).put_always("a.csv", b"x")
    assert names(tmp_path) == ["a.csv"]


def test_names_are_written_to_the_disk_after_bytes_and_new_folders_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a machine that goes down may keep a receipt without its files, or an empty file."""
    flushed: list[tuple[str, bool]] = []

    def fsync(file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        shown = path.relative_to(tmp_path).as_posix()
        flushed.append((shown, (tmp_path / "new/a/b.csv").exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    LocalStore(tmp_path / "new").put_always("a/b.csv", b"x")
    hidden = next(name for name, _ in flushed if name.startswith("new/_receipts/.unfinished/"))
    assert {(".", False), ("new", False), ("new/_receipts", False)} <= set(flushed)
    assert flushed[-2:] == [(hidden, False), ("new/a", True)]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_forgotten_writers_file_is_removed_by_the_next_writer(tmp_path: Path) -> None:
    LocalStore(tmp_path).open("a.csv").write(b"half")
    gc.collect()
    LocalStore(tmp_path).put_always("other.csv", b"x")
    assert names(tmp_path) == ["other.csv"]


def test_a_foreign_hidden_file_is_not_removed(tmp_path: Path) -> None:
    for name in (".keep", "notes.tmp"):
        (tmp_path / name).write_bytes(b"mine")
    LocalStore(tmp_path).put_always("a.csv", b"x")
    assert names(tmp_path) == [".keep", "a.csv", "notes.tmp"]


def test_a_name_as_long_as_names_may_be_can_be_written(tmp_path: Path) -> None:
    key = f"_receipts/{'x' * 250}.json"
    LocalStore(tmp_path).put(key, b"{}", replaces=None)
    assert LocalStore(tmp_path).read(key).data == b"{}"


def test_an_open_file_goes_on_reading_what_it_was_when_it_is_replaced(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put_always("a.csv", b"older")
    with (tmp_path / "a.csv").open("rb") as reader:
        store.put_always("a.csv", b"newer")
        assert reader.read() == b"older"
    assert store.read("a.csv").data == b"newer"


def test_committed_files_are_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        LocalStore(tmp_path).put_always("a.csv", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


# Conditions


def test_a_receipt_is_neither_replaced_nor_deleted_while_another_process_compares_it(
    tmp_path: Path,
) -> None:
    store = LocalStore(tmp_path)
    store.put(RECEIPT, b"1", replaces=None)
    done: list[str] = []
    revision = store.read(RECEIPT).revision

    def run(what: str, function: Any) -> threading.Thread:
        thread = threading.Thread(target=lambda: (function(), done.append(what)))
        thread.start()
        return thread

    with (tmp_path / "_receipts/.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threads = [run("put", lambda: store.put(RECEIPT, b"2", replaces=revision))]
        threads[0].join(0.2)
        assert done == []
        assert store.read(RECEIPT).data == b"1"
    threads[0].join()
    with (tmp_path / "_receipts/.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threads = [run("delete", lambda: store.delete(RECEIPT))]
        threads[0].join(0.2)
        assert done == ["put"]
        assert store.read(RECEIPT).data == b"2"
    threads[0].join()
    assert names(tmp_path) == []


def test_who_waits_for_the_lock_can_be_cancelled(tmp_path: Path) -> None:
    """Whoever holds it may be a stopped process."""
    store = LocalStore(tmp_path)
    store.put(RECEIPT, b"1", replaces=None)
    with (tmp_path / "_receipts/.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.1, store.cancel).start()
        with pytest.raises(Cancelled):
            store.put(RECEIPT, b"2", replaces=None)
    assert names(tmp_path) == [RECEIPT]


# Errors


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_locks_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(file: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    store = LocalStore(tmp_path)
    for refused in (
        lambda: store.open("a.csv"),
        lambda: store.put(RECEIPT, b"{}", replaces=None),
        store.keeps_conditions,
    ):
        with pytest.raises(DestinationRefused, match="mount it with locks") as refusal:
            refused()
        assert str(tmp_path) in str(refusal.value)
    assert names(tmp_path) == []


def test_a_destination_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DestinationRefused, match=r"^Not a directory: check folder") as refusal:
        LocalStore(tmp_path / "file").put_always("a.csv", b"x")
    assert str(refusal.value).endswith(f"file://{tmp_path}/file/a.csv")
    assert refusal.value.__suppress_context__


def test_a_full_disk_is_worth_a_retry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(file: int) -> None:
        if (tmp_path / "_receipts/.unfinished").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    store = LocalStore(tmp_path)
    with pytest.raises(DestinationError, match=r"^No space left on device") as failure:
        store.put_always("a.csv", b"x")
    assert not failure.value.final
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_listed_is_an_error_not_an_empty_place(tmp_path: Path) -> None:
    (tmp_path / "_receipts").symlink_to("_receipts")  # as unreadable as a mount that went away
    for listed in (lambda: list(LocalStore(tmp_path).list("_receipts/")),
                   lambda: LocalStore(tmp_path).folders("_receipts/")):  # fmt: skip
        with pytest.raises(DestinationRefused, match="_receipts"):
            listed()


def test_a_file_that_is_deleted_while_it_is_listed_is_left_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for name in "abc":
        store.put_always(f"{name}.csv", b"x")
    listing = store.list("")
    first = next(listing).key
    gone, left = sorted({"a.csv", "b.csv", "c.csv"} - {first})
    (tmp_path / gone).unlink()
    assert [entry.key for entry in listing] == [left]
