"""Landing on a local or mounted file system."""

# ruff: noqa: PTH103, PTH105, PTH107, PTH112, PTH116, PTH118, PTH120, PTH123
# Paths are text: with many small files, pathlib would be a tenth of what landing costs.
from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_planet_reports.landing.layout import RECEIPTS
from airflow_provider_planet_reports.landing.stores.interface import Entry

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
        self._root = str(root)

    def __repr__(self) -> str:
        return f"<LocalStore {self._root}>"

    def open(self, key: str) -> _LocalWriter:
        """Begin a file."""
        return _LocalWriter(self._path(key), self._path(RECEIPTS))

    def read(self, key: str) -> bytes:
        """Return a small file's bytes."""
        return Path(self._path(key)).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        with open(self._path(key), "rb") as file:
            while data := file.read(_BLOCK_SIZE):
                yield data

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all files below a folder; remove what killed processes left there."""
        beginning = len(self._path(""))
        for folder, _, names in os.walk(self._path(prefix), onerror=_raise):
            for name in sorted(names):
                path = os.path.join(folder, name)
                if name.startswith(".") and name.endswith(_TEMPORARY_ENDING):
                    _remove_if_orphaned(path)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(path)
                    stamp = f"{status.st_ino}-{status.st_mtime_ns}-{status.st_size}"
                    yield Entry(path[beginning:], stamp)

    def delete(self, key: str) -> None:
        """Remove a file."""
        _remove(self._path(key))

    def uri(self, key: str) -> str:
        """Return the file's ``file://`` address."""
        return f"file://{self._path(key)}"

    def _path(self, key: str) -> str:
        return os.path.join(self._root, key)


class _LocalWriter:
    def __init__(self, path: str, hiding_place: str) -> None:
        self._path = path
        self._hiding_place = hiding_place
        for folder in (os.path.dirname(path), hiding_place):
            if not os.path.isdir(folder):
                os.makedirs(folder, exist_ok=True)
        while not self._begin():
            pass

    def _begin(self) -> bool:
        """Make and lock the hidden file; False if a listing took it for an orphan in between."""
        name = f".{secrets.token_hex(8)}{_TEMPORARY_ENDING}"
        self._temporary = os.path.join(self._hiding_place, name)
        self._file = open(self._temporary, "xb", buffering=0)  # noqa: SIM115 - kept open
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
        os.replace(self._temporary, self._path)
        self._file.close()

    def abandon(self) -> None:
        if not self._file.closed:
            _remove(self._temporary)
            self._file.close()


def _raise(error: OSError) -> None:
    """Let no folder that can't be read pass for an empty one; a missing one is empty."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _remove_if_orphaned(path: str) -> None:
    with contextlib.suppress(OSError), open(path, "rb") as file:  # locked: somebody is writing it
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.remove(path)


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)
