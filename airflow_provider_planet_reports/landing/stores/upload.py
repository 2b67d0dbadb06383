"""How an object gets into a bucket: with one request, or in parts once it is too large for that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from airflow_provider_planet_reports.landing.background_calls import Calls

log = logging.getLogger(__name__)

#: What makes one request at most, and the size of an upload's parts; S3 allows 10,000 of them,
#: so this is good for 78 GiB.
BLOCK_SIZE = 8 * 2**20
#: Parts of one object under way at a time; each is held in memory.
_PARTS_AT_A_TIME = 2
#: Less is not worth handing over to the thread that uploads.
_BATCH_SIZE = 2**20
#: Batches that may wait for that thread; each is held in memory.
_BATCHES_WAITING = 2
#: Objects at a time that are as large as a batch, or larger; each is held in memory.
LARGE_AT_A_TIME = 4
#: Those of them that are uploaded in parts; each takes up to 35 MiB.
UPLOADS_AT_A_TIME = 2


class BucketWriter:
    """An object that is being written.

    :param calls: the store's.
    :param large: the store's slots for large objects.
    :param uploads: its slots for those that are uploaded in parts. Who waits for one has a slot
        for a large object, and never the other way round.
    :param put: puts bytes, or pieces of bytes, as an object; takes obstore's options.
    """

    def __init__(
        self,
        calls: Calls,
        large: threading.Semaphore,
        uploads: threading.Semaphore,
        put: Callable[..., None],
    ) -> None:
        self._calls = calls
        self._large = large
        self._uploads = uploads
        self._put = put
        self._slots: list[threading.Semaphore] = []
        self._held: list[bytes] = []
        self._size = 0
        self._upload: _Upload | None = None

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= _BATCH_SIZE and not self._slots:
            self._enter(self._large)
        if self._upload is None and self._size > BLOCK_SIZE:
            self._enter(self._uploads)
            self._upload = _Upload(self._calls, self._put)
        if self._upload and self._size >= _BATCH_SIZE:
            self._upload.send(self._take())

    def commit(self) -> None:
        """Make the whole object visible."""
        held = self._take()
        if self._upload is None:
            # Anything but bytes would be uploaded in parts: three requests and not one.
            data = b"".join(held)
            self._calls.run(lambda: self._put(data, use_multipart=False))
        else:
            self._upload.send(held)
            self._upload.finish()
            self._upload = None
        self._leave()

    def abandon(self) -> None:
        """Leave nothing behind, if the store answers while there is time for it."""
        self._held.clear()
        upload, self._upload = self._upload, None
        if upload and not upload.stop(self._calls.grace):
            log.warning("An unfinished upload was left behind: the store does not answer.")
        self._leave()

    def _take(self) -> list[bytes]:
        held, self._held, self._size = self._held, [], 0
        return held

    def _enter(self, slots: threading.Semaphore) -> None:
        self._calls.wait_for(slots)
        self._slots.append(slots)

    def _leave(self) -> None:
        while self._slots:
            self._slots.pop().release()

    def __del__(self) -> None:
        """Commit nothing if the writer is forgotten, and have its upload aborted."""
        if self._upload:
            self._upload.stop(0)
        self._leave()


class _Upload:
    """An upload in parts: one call of obstore, whose source are the batches that are sent.

    obstore aborts the upload when its source raises an error, and only then. The call's thread
    knows nothing of this object, so that it may be forgotten.
    """

    def __init__(self, calls: Calls, put: Callable[..., None]) -> None:
        # None is the end of the batches, an error stops them. A token in ``room`` stands for each
        # batch that may be sent, so that not too many wait in memory.
        batches: SimpleQueue[list[bytes] | Exception | None] = SimpleQueue()
        room: SimpleQueue[None] = SimpleQueue()
        ended = threading.Event()
        for _ in range(_BATCHES_WAITING):
            room.put(None)

        def source() -> Iterator[bytes]:
            while (batch := batches.get()) is not None:
                if isinstance(batch, Exception):
                    raise batch
                room.put(None)
                yield from batch

        def upload() -> None:
            try:
                put(source(), chunk_size=BLOCK_SIZE, max_concurrency=_PARTS_AT_A_TIME)
            finally:
                ended.set()

        def stop(_: object = None) -> None:
            batches.put(_Stopped())
            room.put(None)

        self._batches, self._room, self._ended, self._stop = batches, room, ended, stop
        self._call = calls.start(upload)
        self._call.add_done_callback(stop)

    def send(self, batch: list[bytes]) -> None:
        """Hand over a batch, or raise the upload's error."""
        self._room.get()
        if self._call.done():
            self._room.put(None)  # for the next call of this method, which ends in the error, too
            self._call.result()
        self._batches.put(batch)

    def finish(self) -> None:
        """Wait until all batches are uploaded."""
        self._batches.put(None)
        self._call.result()

    def stop(self, seconds: float) -> bool:
        """Let the batches end in an error.

        :param seconds: how long to wait for the upload to end.
        :return: whether it has ended.
        """
        self._stop()
        return self._ended.wait(seconds)


class _Stopped(Exception):
    """There are no more batches, and those that were sent are not wanted."""
