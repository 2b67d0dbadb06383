"""Files on a local or mounted file system: hidden until they are whole, locks, folders."""

# ruff: noqa: PTH102, PTH105, PTH107, PTH112, PTH118, PTH120, PTH123, PTH208
# Paths are text: with many small files, pathlib would be a tenth of what landing costs.
from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets

from airflow_provider_planet_reports.landing.errors import DestinationRefused

#: What file systems without locks, or without a way to flush a folder, answer with.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EINVAL}


class HiddenFile:
    """A file under a hidden name, locked for as long as it is written.

    The system releases the lock when the process dies, so that :func:`sweep` can tell what
    killed processes left behind.

    :param folder: the folder for hidden files; made if missing.
    """

    def __init__(self, folder: str) -> None:
        make_folders(folder)
        while not self._begin(folder):
            pass

    def _begin(self, folder: str) -> bool:
        """Make and lock the file; False if a sweep took it for an orphan in between."""
        self._hidden = os.path.join(folder, secrets.token_hex(8))
        self._file = open(self._hidden, "xb", buffering=0)  # noqa: SIM115 - kept open
        try:
            if lock(self._file.fileno(), folder) and os.fstat(self._file.fileno()).st_nlink:
                return True
        except BaseException:
            self.remove()
            raise
        self._file.close()
        return False

    def append(self, data: bytes) -> None:
        """Append bytes."""
        remaining = memoryview(data)
        while remaining:
            remaining = remaining[self._file.write(remaining) :]

    def flush(self) -> None:
        """Write the bytes to the disk: a machine that goes down keeps no name without them."""
        os.fsync(self._file.fileno())

    def rename(self, path: str) -> None:
        """Make the file visible; its name is on the disk after :func:`flush_folder`."""
        os.replace(self._hidden, path)
        self._file.close()

    def remove(self) -> None:
        """Remove the file, unless it was renamed."""
        if not self._file.closed:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._hidden)
            self._file.close()


def lock(file: int, where: str) -> bool:
    """Lock a file if nobody else has; return whether it is locked now.

    :param file: its descriptor.
    :param where: where it is, for the message.
    :raises DestinationRefused: if the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        raise DestinationRefused(
            f"No file locks here ({error.strerror}): mount it with locks (NFS: without 'nolock') "
            f"or choose another destination. {where}"
        ) from None
    return True


def sweep(folder: str) -> None:
    """Remove the hidden files of processes that are no more: nobody holds a lock on them."""
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if lock(file.fileno(), folder):
                os.remove(path)


def make_folders(path: str) -> None:
    """Make a folder and those above it, and write their names to the disk."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        flush_folder(os.path.dirname(folder))


def flush_folder(path: str) -> None:
    """Write the names in a folder to the disk, where its file system can."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    finally:
        os.close(folder)
