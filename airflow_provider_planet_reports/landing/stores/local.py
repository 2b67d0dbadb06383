"""Objects as files on a local or mounted file system."""

# ruff: noqa: PTH107, PTH118, PTH123
# Paths are text: with many small files, pathlib would be a tenth of what landing costs.
from __future__ import annotations

import builtins
import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_planet_reports.landing import durable_files, errors
from airflow_provider_planet_reports.landing.layout import RECEIPTS
from airflow_provider_planet_reports.landing.stores.interface import Entry, Revision, Store, Stored

_BLOCK_SIZE = 2**20
#: Seconds between two attempts to get the lock, which others hold for about a millisecond.
_LOCK_POLL = 0.01
#: What a retry cannot help.
_FINAL = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
_FINAL |= durable_files.UNSUPPORTED


class LocalStore(Store):
    """Objects are files below a folder.

    A file is written under a hidden name in ``_receipts/.unfinished``, flushed to the disk, and
    renamed. The first writer of a store removes what killed processes left there. Conditions are
    checked under a lock on ``_receipts/.lock``, a file that is never deleted.

    :param root: the destination's folder; made when something is written.
    """

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self.address = f"file://{root}"
        self._swept = self._cancelled = False
        #: For the threads of this process, which would only wake each other in vain.
        self._turn = threading.Lock()

    def open(self, key: str) -> durable_files.NewFile:
        """Begin a file."""
        unfinished = self._path(f"{RECEIPTS}.unfinished")
        file = durable_files.NewFile(self._path(key), unfinished, lambda: self._errors(key))
        if not self._swept:
            self._swept = True
            durable_files.sweep(unfinished)
        return file

    def put(self, key: str, data: bytes, *, replaces: Revision | None) -> None:
        """Write a small file on a condition."""
        with self.open(key) as file:
            file.write(data)
            file.commit(self._unchanged(key, replaces))

    def put_always(self, key: str, data: bytes) -> None:
        """Write a small file."""
        with self.open(key) as file:
            file.write(data)
            file.commit()

    def keeps_conditions(self) -> bool:
        """Return True: where the file system has no locks, an error says so."""
        with self._errors(RECEIPTS), self._lock():
            return True

    def read(self, key: str) -> Stored:
        """Return a small file; its revision is the SHA-256 of its bytes."""
        data = b"".join(self.stream(key))
        return Stored(data, Revision(e_tag=hashlib.sha256(data).hexdigest()))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield a file's bytes."""
        with self._errors(key, reading=True), open(self._path(key), "rb") as file:
            while data := file.read(_BLOCK_SIZE):
                yield data
                self._refuse_if_cancelled()

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield all files below a folder, but for hidden ones."""
        for each in self._scan(prefix):
            key = f"{prefix}{each.name}"
            if each.is_dir(follow_symlinks=False):
                if f"{key}/" > after or after.startswith(f"{key}/"):
                    yield from self.list(f"{key}/", after=after)
            elif key > after:
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    about = each.stat()
                    yield Entry(key, about.st_size, f"{about.st_mtime_ns}-{about.st_ino}")

    def folders(self, prefix: str) -> builtins.list[str]:
        """Return the folders right below a folder, but for hidden ones."""
        return [f"{prefix}{each.name}/" for each in self._scan(prefix) if each.is_dir()]

    def delete(self, key: str) -> None:
        """Remove a file; a receipt not between the comparison and the renaming of :meth:`put`."""
        held = self._lock() if key.startswith(RECEIPTS) else contextlib.nullcontext()
        with self._errors(key), held, contextlib.suppress(FileNotFoundError):
            os.remove(self._path(key))

    def cancel(self) -> None:
        """Refuse everything from now on; what is under way takes a moment only."""
        self._cancelled = True

    def _path(self, key: str) -> str:
        return os.path.join(self._root, key)

    def _scan(self, prefix: str) -> builtins.list[os.DirEntry[str]]:
        try:
            with self._errors(prefix, reading=True), os.scandir(self._path(prefix)) as found:
                return [each for each in found if not each.name.startswith(".")]
        except FileNotFoundError:
            return []

    @contextlib.contextmanager
    def _unchanged(self, key: str, revision: Revision | None) -> Iterator[None]:
        """Hold the lock, if a file has this revision."""
        with self._lock():
            found = None
            with contextlib.suppress(FileNotFoundError):
                found = self.read(key).revision
            if found != revision:
                says = "Written by another process meanwhile: run again"
                raise errors.DestinationError(f"{says}. PUT {self.uri(key)}")
            yield

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        durable_files.make_folders(self._path(RECEIPTS))
        with self._turn, open(self._path(f"{RECEIPTS}.lock"), "ab") as file:
            # Not with a flock that waits: a stopped process may hold it, and cancel() must end it.
            while not durable_files.lock(file.fileno()):
                time.sleep(_LOCK_POLL)
                self._refuse_if_cancelled()
            yield

    def _refuse_if_cancelled(self) -> None:
        if self._cancelled:
            raise self.cancelled()

    @contextlib.contextmanager
    def _errors(self, key: str, *, reading: bool = False) -> Iterator[None]:
        """Raise our errors instead of the system's."""
        self._refuse_if_cancelled()
        try:
            yield
        except OSError as error:
            if reading and isinstance(error, FileNotFoundError | IsADirectoryError):
                raise FileNotFoundError(self.uri(key)) from None
            kind = errors.DestinationRefused if error.errno in _FINAL else errors.DestinationError
            says = f"{error.strerror or error}: check folder, mount and the rights of this user"
            if error.errno in durable_files.UNSUPPORTED:
                says = "No file locks here: mount it with locks (NFS: without 'nolock')"
            raise kind(f"{says}. {self.uri(key)}") from None
