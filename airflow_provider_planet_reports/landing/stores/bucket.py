"""Objects in a bucket or container of S3, Google Cloud Storage or Azure, through obstore."""

from __future__ import annotations

import builtins
import contextlib
import logging
import mimetypes
import os
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import obstore

from airflow_provider_planet_reports.landing import errors
from airflow_provider_planet_reports.landing.background_calls import Calls
from airflow_provider_planet_reports.landing.layout import RECEIPTS
from airflow_provider_planet_reports.landing.stores import failures
from airflow_provider_planet_reports.landing.stores.interface import Entry, Revision, Stored
from airflow_provider_planet_reports.landing.stores.upload import (
    LARGE_AT_A_TIME,
    UPLOADS_AT_A_TIME,
    BucketWriter,
)

log = logging.getLogger(__name__)

_PIECE_SIZE = 2**20
#: Seconds without any answer after which somebody looks why.
_PATIENCE = 0.5
_SO_DO = "let no two runs land the same report at the same time."
#: The process that has used obstore. A process that was forked from it has none of obstore's
#: threads, and every call would wait for them for ever.
_used_in: list[int] = []


class BucketStore:
    """Objects in a bucket or container.

    An object becomes visible with the one request that puts it, or that completes its upload in
    parts: a killed process leaves nothing visible. What it has uploaded is not readable, but
    takes space until the store drops it: Azure and Google do so after a week, S3 where a
    lifecycle rule says.

    :param bucket: the obstore store, with its credentials; its prefix is the destination's.
    :param impatient: the same, without retries.
    :param address: the destination's URL, without connection id.
    """

    def __init__(self, bucket: Any, impatient: Any, address: str) -> None:
        self._bucket = bucket
        self._impatient = impatient
        self._address = address.rstrip("/")
        self._calls = Calls()
        self._large = threading.Semaphore(LARGE_AT_A_TIME)
        self._uploads = threading.Semaphore(UPLOADS_AT_A_TIME)
        self._asked = self._reached = False
        self._keeps: bool | None = None
        self._trying = threading.Lock()

    def __repr__(self) -> str:
        return f"<BucketStore {self._address}>"

    def open(self, key: str) -> BucketWriter:
        """Begin an object."""
        put = partial(self._put, self._bucket, key)
        return BucketWriter(self._calls, self._large, self._uploads, put)

    def put(self, key: str, data: bytes, *, replaces: Revision | None) -> None:
        """Write a small object on a condition."""
        mode: Any = "create"
        if replaces is not None:
            mode = {name: value for name, value in replaces._asdict().items() if value is not None}
        try:
            # Without retries first: obstore retries 501, and is long about it.
            self._calls.run(lambda: self._put(self._impatient, key, data, mode=mode))
        except errors.DestinationError as failure:
            if type(failure) is not errors.DestinationError:
                raise
            self._calls.run(lambda: self._put(self._bucket, key, data, mode=mode))

    def put_always(self, key: str, data: bytes) -> None:
        """Write a small object, as what its name says that it is."""
        kind = {"Content-Type": mimetypes.guess_type(key)[0] or "application/octet-stream"}
        how = {"use_multipart": False, "attributes": kind}
        self._calls.run(lambda: self._put(self._bucket, key, data, **how))

    def keeps_conditions(self) -> bool:
        """Return whether conditions are kept, which is tried with ``_receipts/.conditions``.

        That object is never deleted, so that other processes can try at the same time.
        """
        with self._trying:
            if self._keeps is None:
                self._keeps = self._try_conditions()
                if not self._keeps:
                    log.warning("%s ignores conditional requests: %s", self._address, _SO_DO)
            return self._keeps

    def _try_conditions(self) -> bool:
        key = f"{RECEIPTS}.conditions"
        try:
            with contextlib.suppress(failures.Conflict):  # it is there
                self.put(key, b"{}", replaces=None)
            version = self.read(key).revision.version
            wrong = Revision(e_tag=f'"{"0" * 32}"', version=version and "1")
            for condition in (None, wrong):
                with contextlib.suppress(failures.Conflict):
                    self.put(key, b"{}", replaces=condition)
                    return False
        except errors.ConditionsUnsupported:
            return False
        return True

    def read(self, key: str) -> Stored:
        """Return a small object."""

        def read() -> tuple[bytes, Any]:
            found = obstore.get(self._bucket, key)
            return bytes(found.bytes()), found.meta

        data, meta = self._run(key, read)
        return Stored(data, Revision(meta["e_tag"], meta["version"]))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes."""
        found = self._run(key, lambda: obstore.get(self._bucket, key))
        pieces = iter(found.stream(min_chunk_size=_PIECE_SIZE))
        while (piece := self._run(key, lambda: next(pieces, None))) is not None:
            yield bytes(piece)

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield all objects below a prefix, but for hidden ones and markers of folders."""
        folder = prefix.rstrip("/") or None
        pages = obstore.list(self._bucket, folder, offset=after or None, chunk_size=1000)
        while (page := self._run(prefix, lambda: next(pages, None))) is not None:
            for about in page:
                key = about["path"]
                if key > after and key != folder and "/." not in f"/{key}":
                    yield Entry(key, about["size"], about["e_tag"] or "")

    def folders(self, prefix: str) -> builtins.list[str]:
        """Return the folders right below a prefix, but for hidden ones."""
        folder = prefix.rstrip("/") or None
        found = self._run(prefix, lambda: obstore.list_with_delimiter(self._bucket, folder))
        return [f"{each}/" for each in found["common_prefixes"] if "/." not in f"/{each}"]

    def delete(self, key: str) -> None:
        """Remove an object."""
        with contextlib.suppress(FileNotFoundError):
            self._run(key, lambda: obstore.delete(self._bucket, key))

    def uri(self, key: str) -> str:
        """Return the object's address."""
        return f"{self._address}/{key}"

    def cancel(self) -> None:
        """Let all callers go with an error, and end unfinished uploads."""
        self._calls.end(errors.Cancelled(f"Cancelled: the task was told to stop. {self._address}"))

    def _put(self, bucket: Any, key: str, data: bytes | Iterator[bytes], **how: Any) -> None:
        self._call(key, lambda: obstore.put(bucket, key, data, **how))

    def _run(self, key: str, function: Callable[[], Any]) -> Any:
        return self._calls.run(lambda: self._call(key, function))

    def _call(self, key: str, function: Callable[[], Any]) -> Any:
        """Call obstore, and raise our errors instead of its own; in a thread of the store's."""
        if _used_in not in ([], [os.getpid()]):
            raise errors.DestinationError(
                "This process was forked from one that had used a bucket: start processes by "
                f"'spawn', or use buckets in them alone. {self.uri(key)}"
            )
        _used_in[:] = [os.getpid()]
        if not self._asked:
            self._asked = True
            self._calls.start(self._look_why)
        try:
            result = function()
        except BaseException as error:
            raise failures.translated(error, self.uri(key)) from None
        self._reached = True
        return result

    def _look_why(self) -> None:
        """Let no caller wait for all retries if the server cannot be trusted."""
        time.sleep(_PATIENCE)
        if not self._reached:
            try:
                obstore.head(self._impatient, RECEIPTS.rstrip("/"))
            except BaseException as error:
                failure = failures.translated(error, self._address)
                if isinstance(failure, failures.UntrustedServer):
                    self._calls.end(failure)
