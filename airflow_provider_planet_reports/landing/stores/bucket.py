"""Landing in S3 or Azure through obstore, in half the time that fsspec takes, or less."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from queue import Full, Queue
from typing import Any

import obstore
from obstore import exceptions

from airflow_provider_planet_reports.landing.stores.interface import Entry

log = logging.getLogger(__name__)

#: What makes one request at most, and the size of an upload's parts; S3 allows 10,000 of them,
#: so this is good for 78 GiB.
BLOCK_SIZE = 8 * 2**20
#: Parts of one object under way at a time; each is held in memory.
_PARTS_AT_A_TIME = 4
#: Less is not worth handing over to the thread that uploads.
_PIECE_SIZE = 2**20
_PIECES_WAITING = 4

_XML = re.compile(r"<.*>", re.DOTALL)
_XML_SAYS = re.compile(r"<(?:Code|Message)>([^<\n]*)")
_SIGNED = re.compile(r"\?\S*")


class ObstoreStore:
    """Objects in a bucket or container, through obstore.

    An object becomes visible with the one request that puts it, or that completes its upload in
    parts: a killed process leaves nothing visible. What it has uploaded is not readable, but
    takes space until the store drops it: Azure does so after a week, S3 where a lifecycle rule
    says.

    :param bucket: the obstore store, with its credentials; its prefix is the destination's.
    :param address: the destination's URL, without connection id.
    """

    def __init__(self, bucket: Any, address: str) -> None:
        self._bucket = bucket
        self._address = address.rstrip("/")

    def __repr__(self) -> str:
        return f"<ObstoreStore {self._address}>"

    def open(self, key: str) -> _ObstoreWriter:
        """Begin an object."""
        return _ObstoreWriter(self._bucket, key)

    def read(self, key: str) -> bytes:
        """Return a small object's bytes."""
        with _plain_errors():
            return bytes(obstore.get(self._bucket, key).bytes())

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes."""
        with _plain_errors():
            for piece in obstore.get(self._bucket, key).stream(min_chunk_size=_PIECE_SIZE):
                yield bytes(piece)

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all objects below a prefix."""
        folder = prefix.rstrip("/")
        with _plain_errors():
            for page in obstore.list(self._bucket, folder or None, chunk_size=1000):
                for about in page:
                    if about["path"] != folder:  # the folder's own marker, which some tools make
                        stamp = f"{about['e_tag'] or about['last_modified']}-{about['size']}"
                        yield Entry(about["path"], stamp)

    def delete(self, key: str) -> None:
        """Remove an object."""
        with contextlib.suppress(FileNotFoundError), _plain_errors():
            obstore.delete(self._bucket, key)

    def uri(self, key: str) -> str:
        """Return the object's address."""
        return f"{self._address}/{key}"


class _ObstoreWriter:
    """An object that is put with one request, or uploaded in parts once it is too large for that.

    :param bucket: the obstore store.
    :param key: the object's.
    """

    def __init__(self, bucket: Any, key: str) -> None:
        self._bucket = bucket
        self._key = key
        self._held: list[bytes] = []
        self._size = 0
        self._upload: _Upload | None = None

    def write(self, data: bytes) -> None:
        self._held.append(data)
        self._size += len(data)
        if self._size >= _PIECE_SIZE and (self._upload or self._size > BLOCK_SIZE):
            self._upload = self._upload or _Upload(self._bucket, self._key)
            self._upload.send(self._take())

    def commit(self) -> None:
        if self._upload is None:
            with _plain_errors():
                # Anything but bytes would be uploaded in parts: three requests and not one.
                obstore.put(self._bucket, self._key, self._take(), use_multipart=False)
        else:
            self._upload.send(self._take())
            self._upload.complete()
            self._upload = None

    def abandon(self) -> None:
        self._held.clear()
        upload, self._upload = self._upload, None
        if upload is None or upload.outcome.done():  # obstore cancels by itself what fails
            return
        upload.give_up()
        error = upload.outcome.exception()
        if not isinstance(error, _GivenUp):
            name = type(error).__name__
            log.warning("An unfinished upload could not be cancelled: %s.", name)

    def _take(self) -> bytes:
        data = b"".join(self._held)
        self._held.clear()
        self._size = 0
        return data

    def __del__(self) -> None:
        """Commit nothing, should a writer be forgotten, and have its upload cancelled."""
        if self._upload is not None:
            self._upload.give_up()


class _Upload:
    """An upload in parts, by a thread of its own: it takes pieces until there are enough.

    obstore cancels an upload when whatever gives it the pieces raises an error, and only then.

    :param bucket: the obstore store.
    :param key: the object's.
    """

    def __init__(self, bucket: Any, key: str) -> None:
        self._pieces: Queue[bytes | None] = Queue(_PIECES_WAITING)
        self._given_up = threading.Event()
        self.outcome: Future[None] = Future()
        # The thread knows nothing of this object, so that it may be forgotten.
        threading.Thread(
            target=_upload,
            args=(bucket, key, _until_none(self._pieces, self._given_up), self.outcome),
            name="landing-upload",
            daemon=True,  # who leaves without a word does not wait for it
        ).start()

    def send(self, piece: bytes | None) -> None:
        while not self.outcome.done():
            with contextlib.suppress(Full):
                return self._pieces.put(piece, timeout=1)
        return self.outcome.result()

    def complete(self) -> None:
        self.send(None)
        self.outcome.result()

    def give_up(self) -> None:
        self._given_up.set()
        with contextlib.suppress(Full):  # then it need not be woken
            self._pieces.put_nowait(None)


class _GivenUp(Exception):
    """An upload is not wanted any more."""


def _until_none(pieces: Queue[bytes | None], given_up: threading.Event) -> Iterator[bytes]:
    while (piece := pieces.get()) is not None and not given_up.is_set():
        yield piece
    if given_up.is_set():
        raise _GivenUp


def _upload(bucket: Any, key: str, pieces: Iterator[bytes], outcome: Future[None]) -> None:
    try:
        with _plain_errors():
            obstore.put(
                bucket, key, pieces, chunk_size=BLOCK_SIZE, max_concurrency=_PARTS_AT_A_TIME
            )
    except BaseException as error:
        outcome.set_exception(error)
    else:
        outcome.set_result(None)


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise Python's own errors instead of obstore's, which show whole answers and addresses."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(_in_short(error)) from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise PermissionError(_in_short(error)) from None
    except exceptions.BaseError as error:
        raise OSError(_in_short(error)) from None


def _in_short(error: Exception) -> str:
    """Return what happened: of a server's answer only its own words, of an address no query."""
    text = str(error).partition("\n\nDebug source")[0]
    text = _XML.sub(lambda answer: ": ".join(_XML_SAYS.findall(answer[0])), text)
    return _SIGNED.sub("?***", text).strip()
