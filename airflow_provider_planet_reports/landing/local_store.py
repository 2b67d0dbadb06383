"""Landing on a local or mounted file system."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_planet_reports.landing.layout import RECEIPTS
from airflow_provider_planet_reports.landing.store import Entry

_TEMPORARY_ENDING = ".tmp"
_BLOCK_SIZE = 2**20


class LocalStore:
    """Objects are files below a folder.

    A file is written under a hidden name among the receipts, and renamed. The writer holds a
    lock on the hidden file, which the system releases when the process dies: so a listing can
    tell, and removes, what a killed process left behind. Every run lists the receipts; the
    folders of reports that are landed, nobody may ever look into again.

    :param root: the destination's folder; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def __repr__(self) -> str:
        return f"<LocalStore {self._root}>"

    def open(self, key: str) -> _LocalWriter:
        """Begin a file."""
        return _LocalWriter(self._root / key, self._root / RECEIPTS)

    def read(self, key: str) -> bytes:
        """Return a small file's bytes."""
        return (self._root / key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        with (self._root / key).open("rb") as file:
            while data := file.read(_BLOCK_SIZE):
                yield data

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all files below a folder; remove what killed processes left there."""
        for folder, _, names in os.walk(self._root / prefix, onerror=_raise):
            for name in sorted(names):
                path = Path(folder, name)
                if name.startswith(".") and name.endswith(_TEMPORARY_ENDING):
                    _remove_if_orphaned(path)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = path.stat()
                    stamp = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
                    yield Entry(path.relative_to(self._root).as_posix(), stamp)

    def delete(self, key: str) -> None:
        """Remove a file."""
        (self._root / key).unlink(missing_ok=True)

    def uri(self, key: str) -> str:
        """Return the file's ``file://`` address."""
        return f"file://{(self._root / key).as_posix()}"


class _LocalWriter:
    def __init__(self, path: Path, hiding_place: Path) -> None:
        self._path = path
        self._hiding_place = hiding_place
        for folder in (path.parent, hiding_place):
            folder.mkdir(parents=True, exist_ok=True)
        while not self._begin():
            pass

    def _begin(self) -> bool:
        """Make and lock the hidden file; False if a listing took it for an orphan in between."""
        self._temporary = self._hiding_place / f".{secrets.token_hex(8)}{_TEMPORARY_ENDING}"
        self._file = self._temporary.open("xb", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            linked = False
        except OSError:  # a file system without locks: listings can't lock, and remove nothing
            linked = True
        else:
            linked = os.fstat(self._file.fileno()).st_nlink > 0
        if not linked:
            self._file.close()
        return linked

    def write(self, data: bytes) -> None:
        remaining = memoryview(data)
        while remaining:
            remaining = remaining[self._file.write(remaining) :]

    def commit(self) -> None:
        os.fsync(self._file.fileno())  # a machine that goes down keeps no name without its bytes
        self._temporary.replace(self._path)
        self._file.close()

    def abandon(self) -> None:
        if not self._file.closed:
            self._temporary.unlink(missing_ok=True)
            self._file.close()


def _raise(error: OSError) -> None:
    """Let no folder that can't be read pass for an empty one; a missing one is empty."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _remove_if_orphaned(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("rb") as file:  # locked: somebody is writing it
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
