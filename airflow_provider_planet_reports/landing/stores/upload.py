"""How an object gets into a bucket: with one request, or in parts once it is too large for that."""

from __future__ import annotations

import logging
from collections.abc import Callable

from airflow_provider_planet_reports.landing.background_calls import Calls, FedCall

log = logging.getLogger(__name__)

#: What makes one request at most, and the size of an upload's parts; S3 allows 10,000 of them,
#: so this is good for 78 GiB.
BLOCK_SIZE = 8 * 2**20
#: Parts of one object under way at a time; each is held in memory.
_PARTS_AT_A_TIME = 3
#: Less is not worth handing over to the thread that uploads.
_PIECE_SIZE = 2**20


class BucketWriter:
    """An object that is being written.

    :param calls: the store's.
    :param put: puts bytes, or pieces of bytes, as an object; takes obstore's options.
    """

    def __init__(self, calls: Calls, put: Callable[..., None]) -> None:
        self._calls = calls
        self._put = put
        self._held: list[bytes] = []
        self._size = 0
        self._upload: FedCall | None = None

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= _PIECE_SIZE and (self._upload or self._size > BLOCK_SIZE):
            self._upload = self._upload or self._begin_upload()
            self._upload.send(self._take())

    def commit(self) -> None:
        """Make the whole object visible."""
        data = self._take()
        if self._upload is None:
            # Anything but bytes would be uploaded in parts: three requests and not one.
            self._calls.run(lambda: self._put(data, use_multipart=False))
        else:
            self._upload.send(data)
            self._upload.finish()
            self._upload = None

    def abandon(self) -> None:
        """Leave nothing behind, if the store answers while there is time for it."""
        self._held.clear()
        upload, self._upload = self._upload, None
        if upload and not upload.stop(self._calls.grace):
            log.warning("An unfinished upload was left behind: the store does not answer.")

    def _begin_upload(self) -> FedCall:
        # obstore aborts the upload when the source of its pieces raises an error, and only then.
        put, how = self._put, {"chunk_size": BLOCK_SIZE, "max_concurrency": _PARTS_AT_A_TIME}
        return FedCall(self._calls, lambda pieces: put(pieces, **how))

    def _take(self) -> bytes:
        data = b"".join(self._held)
        self._held.clear()
        self._size = 0
        return data

    def __del__(self) -> None:
        """Commit nothing if the writer is forgotten, and have its upload aborted."""
        if self._upload:
            self._upload.stop(0)
