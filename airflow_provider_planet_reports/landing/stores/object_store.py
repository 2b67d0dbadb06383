"""Landing in S3, Google Cloud Storage or Azure, through Airflow's ``ObjectStoragePath``."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from airflow_provider_planet_reports.landing.stores.interface import Entry

log = logging.getLogger(__name__)

#: What is held in memory of each object being written; S3 allows 10,000 blocks an object, so
#: this is good for 78 GiB. The stores' own defaults (50 MiB) cost hundreds of MiB.
BLOCK_SIZE = 8 * 2**20
#: How Google answers when an upload is cancelled, which gcsfs takes for an error
#: (https://docs.cloud.google.com/storage/docs/performing-resumable-uploads#cancel-upload).
_GOOGLE_CANCELLED = 499


class ObjectStore:
    """Objects in a bucket or container, through its fsspec file system.

    The stores make an object visible when an upload is completed and not before, so that a
    killed process leaves nothing visible. What it has uploaded is not readable, but takes space
    until the store drops it: Azure and Google do so after a week, S3 where a lifecycle rule says.

    :param fs: the fsspec file system, with its credentials.
    :param root: the destination as the file system calls it, for example ``bucket/prefix``.
    :param address: the destination's URL, without connection id.
    """

    def __init__(self, fs: Any, root: str, address: str) -> None:
        self._fs = fs
        self._root = root.rstrip("/")
        self._address = address.rstrip("/")

    def __repr__(self) -> str:
        return f"<ObjectStore {self._address}>"

    def open(self, key: str) -> _ObjectWriter:
        """Begin an object."""
        return _ObjectWriter(self._fs.open(self._path(key), "wb", block_size=BLOCK_SIZE))

    def read(self, key: str) -> bytes:
        """Return a small object's bytes."""
        data: bytes
        try:
            # With a range s3fs makes one request; without one it asks for the size first.
            data = self._fs.cat_file(self._path(key), start=0)
        except FileNotFoundError:
            raise
        except Exception:  # an empty object has no range; what else it may be shows again
            data = self._fs.cat_file(self._path(key))
        return data

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes."""
        self._fs.invalidate_cache()  # sizes are remembered too
        with self._fs.open(self._path(key), "rb", cache_type="none") as file:
            while data := file.read(BLOCK_SIZE):
                yield data

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all objects below a prefix."""
        # File systems remember listings and answer from memory; other processes write here too.
        self._fs.invalidate_cache()
        found = self._fs.find(self._path(prefix.rstrip("/")), detail=True)
        self._fs.invalidate_cache()
        for path, about in found.items():
            if about["type"] == "file":
                yield Entry(path[len(self._root) + 1 :], _stamp(about))

    def delete(self, key: str) -> None:
        """Remove an object."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._path(key))

    def uri(self, key: str) -> str:
        """Return the object's address."""
        return f"{self._address}/{key}"

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"


class _ObjectWriter:
    """An fsspec file that is never closed unless it is whole: closing commits it.

    :param file: an ``AbstractBufferedFile`` opened for writing.
    """

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def commit(self) -> None:
        self._file.close()
        self._file = None

    def abandon(self) -> None:
        file = self._file
        if file is None:
            return
        self._defuse()
        try:
            file.discard()
        except FileNotFoundError:
            pass  # the upload is no more: it was completed, but the answer got lost
        except Exception as error:  # every store has its own
            if getattr(error, "code", None) == _GOOGLE_CANCELLED:
                return
            log.warning("An unfinished upload could not be cancelled: %s.", type(error).__name__)

    def _defuse(self) -> None:
        """Forget the file without committing it.

        Closing commits, and an fsspec file is closed by its context manager and by garbage
        collection too, unless it counts as closed already.
        """
        file, self._file = self._file, None
        if file is not None:
            file.closed = True

    def __del__(self) -> None:
        """Commit nothing, should a writer be forgotten."""
        self._defuse()


def _stamp(about: dict[str, Any]) -> str:
    """Return what changes when an object is written again, under the name the store gives it."""
    names = ("ETag", "etag", "generation", "LastModified", "last_modified", "mtime", "updated")
    found = next((about[name] for name in names if about.get(name)), "")
    return f"{found}-{about.get('size')}"
