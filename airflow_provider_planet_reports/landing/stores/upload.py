"""How an object gets into a bucket: with one request, or in parts once it is too large for that."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, Protocol

from airflow_provider_planet_reports.landing.stores.calls import Calls

log = logging.getLogger(__name__)

#: What makes one request at most, and the size of an upload's parts; S3 allows 10,000 of them,
#: so this is good for 78 GiB.
BLOCK_SIZE = 8 * 2**20
#: Parts of one object under way at a time; each is held in memory.
_PARTS_AT_A_TIME = 4
#: Less is not worth handing over to the thread that uploads.
_PIECE_SIZE = 2**20
_PIECES_WAITING = 4


class Put(Protocol):
    """Puts bytes, or pieces of bytes, as an object."""

    def __call__(self, data: bytes | Iterator[bytes], **how: Any) -> None:
        """Put them, as obstore's options say."""


class BucketWriter:
    """An object that is being written.

    :param calls: the store's.
    :param put: puts the object.
    """

    def __init__(self, calls: Calls, put: Put) -> None:
        self._calls = calls
        self._put = put
        self._held: list[bytes] = []
        self._size = 0
        self._upload: _Upload | None = None

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= _PIECE_SIZE and (self._upload or self._size > BLOCK_SIZE):
            self._upload = self._upload or _Upload(self._calls, self._put)
            self._upload.send(self._take())

    def commit(self) -> None:
        """Make the whole object visible."""
        if self._upload is None:
            data = self._take()
            # Anything but bytes would be uploaded in parts: three requests and not one.
            self._calls.run(lambda: self._put(data, use_multipart=False))
        else:
            self._upload.send(self._take())
            self._upload.complete()
            self._upload = None

    def abandon(self) -> None:
        """Leave nothing behind, if the store answers within the time that is left for it."""
        self._held.clear()
        upload, self._upload = self._upload, None
        if upload is not None and not upload.abort(self._calls.grace):
            log.warning("An unfinished upload may be left behind: its store does not answer.")

    def _take(self) -> bytes:
        data = b"".join(self._held)
        self._held.clear()
        self._size = 0
        return data

    def __del__(self) -> None:
        """Commit nothing if the writer is forgotten, and have its upload aborted."""
        if self._upload is not None:
            self._upload.stop()


class _Stopped(Exception):
    """An upload is not wanted any more."""


class _Upload:
    """An upload in parts by a thread, which takes pieces until there are enough.

    obstore aborts an upload when the source of its pieces raises an error, and only then. The
    thread knows nothing of this object, so that a writer may be forgotten.

    :param calls: the store's.
    :param put: puts the object.
    """

    def __init__(self, calls: Calls, put: Put) -> None:
        # The pieces; None is the end, an error stops the upload.
        pieces: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        # One for each piece that may be sent.
        room: SimpleQueue[None] = SimpleQueue()
        for _ in range(_PIECES_WAITING):
            room.put(None)

        def stop() -> None:
            pieces.put(_Stopped())
            room.put(None)

        self._pieces, self._room, self.stop = pieces, room, stop
        how = {"chunk_size": BLOCK_SIZE, "max_concurrency": _PARTS_AT_A_TIME}
        self._call = calls.start(lambda: put(_source(pieces, room), **how), wake=stop)

    def send(self, piece: bytes) -> None:
        if not self._call.answered:
            self._room.get()
        if self._call.answered:
            self._call.wait()
        self._pieces.put(piece)

    def complete(self) -> None:
        self._pieces.put(None)
        self._call.wait()

    def abort(self, seconds: float) -> bool:
        self.stop()
        return self._call.wait_for_its_thread(seconds)


def _source(
    pieces: SimpleQueue[bytes | Exception | None], room: SimpleQueue[None]
) -> Iterator[bytes]:
    while (piece := pieces.get()) is not None:
        if isinstance(piece, Exception):
            raise piece
        room.put(None)
        yield piece
