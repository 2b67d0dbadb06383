"""Objects in a bucket or container of S3, Google Cloud Storage or Azure, through obstore."""

from __future__ import annotations

import builtins
import contextlib
import logging
import mimetypes
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import obstore

from airflow_provider_planet_reports.landing import errors
from airflow_provider_planet_reports.landing.background_calls import Calls
from airflow_provider_planet_reports.landing.layout import RECEIPTS
from airflow_provider_planet_reports.landing.stores.failures import Conflict, translated
from airflow_provider_planet_reports.landing.stores.interface import Entry, Revision, Store, Stored

log = logging.getLogger(__name__)

_PIECE_SIZE = 2**20
#: Smaller objects are one request, others are uploaded in parts of this size; S3 allows 10,000 of
#: them, so this is good for 78 GiB.
PART_SIZE = 8 * 2**20
#: Of each object, three parts are under way at a time.
_open_writer = partial(obstore.open_writer, buffer_size=PART_SIZE, max_concurrency=3)
#: Bytes that are handed to obstore at a time: each time, another thread takes them.
_BUNDLE = 2 * 2**20
#: Bytes from which an object counts as large.
_LARGE = 2**20
#: Large objects at a time; each takes up to 36 MiB of memory, and more of them take longer on two
#: cores.
LARGE_AT_A_TIME = 3
#: No object has this revision, in any store.
_UNKNOWN = Revision(e_tag=f'"{"0" * 32}"', version="1")
_SO_DO = "let no two runs land the same report at the same time."


class BucketStore(Store):
    """Objects in a bucket or container.

    An object becomes visible with the one request that puts it, or that completes its upload in
    parts: a killed process leaves nothing visible. What it has uploaded is not readable, but
    takes space until the store drops it: Azure and Google do so after a week, S3 where a
    lifecycle rule says.

    :param buckets: obstore's stores of the bucket, with its credentials; their prefix is the
        destination's. The last one retries, and the one before it, if there is one, does not.
    :param address: the destination's URL, without connection id.
    :ivar bucket: the one that retries.
    :ivar calls: its calls of obstore.
    :ivar large: slots for large objects.
    """

    def __init__(self, buckets: Sequence[Any], address: str) -> None:
        self._buckets = buckets
        self.bucket = buckets[-1]
        self.address = address.rstrip("/")
        self.calls = Calls()
        self.large = threading.Semaphore(LARGE_AT_A_TIME)
        self._keeps: bool | None = None
        self._trying = threading.Lock()

    def open(self, key: str) -> BucketWriter:
        """Begin an object."""
        return BucketWriter(self, key)

    def put(self, key: str, data: bytes, *, replaces: Revision | None) -> None:
        """Write a small object on a condition."""
        mode: Any = "create"
        if replaces is not None:
            mode = {name: value for name, value in replaces._asdict().items() if value is not None}
        self.put_whole(key, data, mode=mode)

    def put_always(self, key: str, data: bytes) -> None:
        """Write a small object, as what its name says that it is."""
        kind = mimetypes.guess_type(key)[0] or "application/octet-stream"
        self.put_whole(key, data, attributes={"Content-Type": kind})

    def keeps_conditions(self) -> bool:
        """Return whether conditions are kept, which is tried with ``_receipts/.conditions``.

        That object is never deleted, so that other processes can try at the same time.
        """
        with self._trying:
            if self._keeps is None:
                self._keeps = self._try_conditions()
                if not self._keeps:
                    log.warning("%s ignores conditional requests: %s", self.address, _SO_DO)
            return self._keeps

    def _try_conditions(self) -> bool:
        put = partial(self.put, f"{RECEIPTS}.conditions", b"{}")
        try:
            with contextlib.suppress(Conflict):  # it is there
                put(replaces=None)
            for condition in (None, _UNKNOWN):
                with contextlib.suppress(Conflict):
                    put(replaces=condition)
                    return False
        except errors.ConditionsUnsupported:
            return False
        return True

    def read(self, key: str) -> Stored:
        """Return a small object."""

        def read(bucket: Any) -> Any:
            found = obstore.get(bucket, key)
            return found.bytes(), found.meta

        data, meta = self._run(key, read)
        return Stored(bytes(data), Revision(meta["e_tag"], meta["version"]))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes."""
        pieces = self.begin(key, lambda: obstore.get(self.bucket, key).stream(_PIECE_SIZE))()
        while (piece := self.begin(key, lambda: next(pieces, None))()) is not None:
            yield bytes(piece)

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield all objects below a prefix, but for hidden ones and markers of folders."""
        folder = prefix.rstrip("/") or None

        def listed(bucket: Any) -> builtins.list[Entry]:
            return [
                Entry(about["path"], about["size"], about["e_tag"] or "")
                for page in obstore.list(bucket, folder, offset=after or None, chunk_size=1000)
                for about in page
            ]

        for entry in self._run(prefix, listed):
            if entry.key > after and entry.key != folder and "/." not in f"/{entry.key}":
                yield entry

    def folders(self, prefix: str) -> builtins.list[str]:
        """Return the folders right below a prefix, but for hidden ones."""
        folder = prefix.rstrip("/") or None
        found = self._run(prefix, lambda bucket: obstore.list_with_delimiter(bucket, folder))
        return [f"{each}/" for each in found["common_prefixes"] if "/." not in f"/{each}"]

    def delete(self, key: str) -> None:
        """Remove an object."""
        with contextlib.suppress(FileNotFoundError):
            self._run(key, lambda bucket: obstore.delete(bucket, key))

    def cancel(self) -> None:
        """Let all callers go with an error, and end unfinished uploads."""
        self.calls.cancel()

    def put_whole(self, key: str, data: bytes, **how: Any) -> None:
        """Write an object with one request.

        :param how: obstore's options.
        """
        # In parts it would be three requests, and not one.
        put = partial(obstore.put, path=key, file=data, use_multipart=False, **how)
        self._run(key, put)

    def _run(self, key: str, function: Callable[[Any], Any]) -> Any:
        """Call obstore without its retries first: so what they cannot help is said at once."""
        try:
            return self.begin(key, partial(function, self._buckets[0]))()
        except errors.DestinationError as failure:
            if type(failure) is not errors.DestinationError or len(self._buckets) == 1:
                raise
        return self.begin(key, partial(function, self.bucket))()

    def begin(self, key: str, function: Callable[[], Any]) -> Callable[[], Any]:
        """Begin a call of obstore; return what waits for it, and raises our errors."""

        def call() -> Any:
            try:
                return function()
            except BaseException as error:  # a panic of obstore's is no Exception
                raise translated(error, self.uri(key)) from None

        begun = self.calls.begin(call)
        if begun.cancelled():
            raise self.cancelled()

        def wait() -> Any:
            try:
                return begun.result()
            except CancelledError:
                raise self.cancelled() from None

        return wait


class BucketWriter:
    """An object that is being written: whole, or in parts once it is too large for that.

    :param store: where it goes.
    :param key: its key.
    """

    def __init__(self, store: BucketStore, key: str) -> None:
        self._store = store
        self._key = key
        self._size = 0
        self._held: list[bytes] = []
        #: obstore's writer, which uploads parts while more is written.
        self._file: Any = None
        #: Waits until obstore has taken what was handed on, and raises what went wrong.
        self._wait: Callable[[], Any] = lambda: None
        self._leaving = contextlib.ExitStack()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        before, self._size = self._size, self._size + len(data)
        if before < _LARGE <= self._size:
            self._store.begin(self._key, self._store.large.acquire)()
            self._leaving.callback(self._store.large.release)
        self._held.append(data)
        if self._size >= PART_SIZE and before // _BUNDLE < self._size // _BUNDLE:
            self._hand_on()

    def commit(self) -> None:
        """Make the whole object visible."""
        if self._size < PART_SIZE:
            self._store.put_whole(self._key, b"".join(self._held))
        else:
            self._hand_on()
            self._wait()
            self._store.begin(self._key, self._file.close)()
        self._leaving.close()

    def abandon(self) -> None:
        """Leave nothing behind, if the store answers while there is time for it."""
        with contextlib.suppress(errors.DestinationError):
            self._wait()  # obstore's writer takes no two calls at a time
        if self._file and not self._store.calls.clean_up(self._abort):
            log.warning("An unfinished upload was left behind: the store does not answer.")
        self._leaving.close()

    def _hand_on(self) -> None:
        """Have obstore take what is held, while the caller goes on."""
        self._wait()
        self._file = self._file or _open_writer(self._store.bucket, self._key)
        write, held, self._held = self._file.write, self._held, []
        self._wait = self._store.begin(self._key, lambda: [*map(write, held)])

    def _abort(self) -> None:
        if not self._file.closed():
            self._file.__exit__(RuntimeError, None, None)
