"""Files on a local or mounted file system: locked and hidden until they are whole; folders."""

# ruff: noqa: PTH102, PTH105, PTH107, PTH112, PTH118, PTH120, PTH123, PTH208
# Paths are text: with many small files, pathlib would be a tenth of what landing costs.
from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

#: What file systems without locks, or without a way to flush a folder, answer with.
UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}


class NewFile:
    """A file that is being written: hidden and locked until it is whole.

    The system releases the lock when the process dies, so that :func:`sweep` can tell what
    killed processes left behind.

    :param path: where it will be; folders that are missing are made.
    :param hiding_place: the folder for files that are not whole.
    :param errors: translates errors of the system; what is done happens within.
    """

    def __init__(
        self, path: str, hiding_place: str, errors: Callable[[], AbstractContextManager[None]]
    ) -> None:
        self._path = path
        self._errors = errors
        with errors():
            make_folders(os.path.dirname(path))
            make_folders(hiding_place)
            while not self._begin(hiding_place):
                pass

    def _begin(self, folder: str) -> bool:
        """Make and lock the file; False if a sweep took it for an orphan in between."""
        self._hidden = os.path.join(folder, secrets.token_hex(8))
        self._file = open(self._hidden, "xb", buffering=0)  # noqa: SIM115 - kept open
        begun = False
        try:
            begun = lock(self._file.fileno()) and os.fstat(self._file.fileno()).st_nlink > 0
        finally:
            if not begun:
                self.abandon()
        return begun

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with self._errors():
            remaining = memoryview(data)
            while remaining:
                remaining = remaining[self._file.write(remaining) :]

    def commit(self, held: AbstractContextManager[Any] | None = None) -> None:
        """Make the whole file visible.

        :param held: entered before, and left after it becomes visible; may refuse by an error.
        """
        with self._errors():
            os.fsync(self._file.fileno())  # a machine that goes down keeps no name without bytes
            with held or nullcontext():
                os.replace(self._hidden, self._path)
                self._file.close()
            flush_folder(os.path.dirname(self._path))

    def abandon(self) -> None:
        """Remove the file, unless it is visible."""
        if not self._file.closed:
            with suppress(FileNotFoundError):
                os.remove(self._hidden)
            self._file.close()


def lock(file: int) -> bool:
    """Lock a file if nobody else has; return whether it is locked now.

    :param file: its descriptor.
    :raises OSError: with one of ``UNSUPPORTED`` if the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep(folder: str) -> None:
    """Remove the hidden files of processes that are no more: nobody holds a lock on them."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with suppress(OSError), open(path, "rb") as file:
            if lock(file.fileno()):
                os.remove(path)


def make_folders(path: str) -> None:
    """Make a folder and those above it, and write their names to the disk."""
    if not os.path.isdir(path):
        make_folders(os.path.dirname(path))
        with suppress(FileExistsError):
            os.mkdir(path)
        flush_folder(os.path.dirname(path))


def flush_folder(path: str) -> None:
    """Write the names in a folder to the disk, where its file system can."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(folder)
