"""The other side: as much of S3 as clients need to write, list and read.

Google's XML API is the same protocol, with generations besides. Receipts are kept, and conditions
on them. What should be a report's file is compared with that file, byte by byte, as it comes in,
and then forgotten.
"""

from __future__ import annotations

import bisect
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote
from xml.sax.saxutils import escape

from benchmarks.content import Reference
from benchmarks.wire import Counters, Request, Wire

BUCKET = "landing"
ACCESS_KEY, SECRET_KEY = "benchmark-access-key", "benchmark-secret-key-0123456789"
_KEPT = "/_receipts/"
_DATE = "2026-11-01T00:00:00.000Z"
HTTP_DATE = "Sun, 01 Nov 2026 00:00:00 GMT"
PAGE = 1000


@dataclass
class Stored:
    """An object, or a part of one: what is known of its bytes.

    :param size: their number.
    :param etag: unlike any other's, and unlike an MD5, which nobody computes here.
    :param offset: where in the file they stand; None if they are not of it.
    :param data: they themselves, where they are kept.
    """

    size: int
    etag: str
    offset: int | None = None
    data: bytes | None = None

    @property
    def generation(self) -> str:
        """What Google calls its revision."""
        return str(int(self.etag[1:33]))

    @property
    def head(self) -> str:
        """The headers that tell its revision."""
        return f"ETag: {self.etag}\r\nx-goog-generation: {self.generation}\r\n"


@dataclass
class _Upload:
    key: str
    parts: dict[int, Stored] = field(default_factory=dict)


class Sink:
    """A bucket.

    :param counters: what is counted.
    :param latency: seconds before each answer.
    """

    def __init__(self, counters: Counters, latency: float = 0.0) -> None:
        self.counters = counters
        self.latency = latency
        self.lock = threading.Lock()
        self._etags = itertools.count(1)
        self.reset(None)

    def reset(self, reference: Reference | None) -> None:
        """Forget everything.

        :param reference: the file that is to come from now on, under whatever names.
        """
        self._reference = reference
        self.objects: dict[str, Stored] = {}
        self._given: dict[str, Stored] = {}
        #: Sorted; None when keys have come or gone.
        self._keys: list[str] | None = None
        self._uploads: dict[str, _Upload] = {}
        #: By name and id; of Azure's blobs.
        self.blocks: dict[tuple[str, str], Stored] = {}
        self.operations: Counter[str] = Counter()

    def handle(self, wire: Wire, request: Request) -> None:
        """Answer a request."""
        path, _, query = request.target.partition("?")
        asked = {name: values[0] for name, values in parse_qs(query, True).items()}
        if path.startswith("/-/"):
            self._control(wire, request, path, asked)
            return
        _bucket, _, key = unquote(path)[1:].partition("/")
        operation = _operation(request.method, key, asked)
        self.begin(operation)
        getattr(self, f"_{operation}")(wire, request, key, asked)
        self.counters.add(requests=1)

    def begin(self, operation: str) -> None:
        """Count a request, and be as slow about it as is wanted."""
        with self.lock:
            self.operations[operation] += 1
        time.sleep(self.latency)

    def _control(self, wire: Wire, request: Request, path: str, asked: dict[str, str]) -> None:
        body = b"".join(map(bytes, wire.body(request.headers)))
        answer: dict[str, Any] = {}
        if path == "/-/reset":
            self.reset(Reference(Path(asked["file"])) if "file" in asked else None)
        elif path == "/-/put":
            for key, text in json.loads(body).items():
                self.objects[key] = self._given[key] = self._given_object(text)
        elif path == "/-/rewind":
            self.objects = dict(self._given)
        elif path == "/-/counters":
            answer = {**self.counters.read(), "operations": dict(self.operations)}
        elif path == "/-/found":
            answer = self._found()
        self._keys = None
        wire.answer("200 OK", json.dumps(answer).encode())

    def _given_object(self, text: str | None) -> Stored:
        """Return an object that nobody has to write: of a text, or the file that is to come."""
        if text is not None:
            return Stored(len(text), self._etag(), data=text.encode())
        size = self._reference.size if self._reference else 0
        return Stored(size, self._etag(), 0)

    def _found(self) -> dict[str, Any]:
        """Return what clients wrote, and how many receipts there are."""
        kept = [key for key in self.objects if _KEPT in f"/{key}"]
        new = self.objects.keys() - self._given.keys()
        whole = {key for key in new if self._is_whole(self.objects[key])}
        others = new - set(kept) - whole
        return {"receipts": len(kept), "whole": len(whole), "damaged": sorted(others)[:10]}

    def _is_whole(self, stored: Stored) -> bool:
        reference = self._reference
        return reference is not None and stored.offset == 0 and stored.size == reference.size

    def _etag(self) -> str:
        return f'"{next(self._etags):032d}-1"'

    def receive(self, wire: Wire, request: Request, key: str) -> Stored:
        """Take a body in: keep it, or compare it."""
        pieces = wire.body(request.headers)
        if _KEPT in f"/{key}":
            data = b"".join(map(bytes, pieces))
            return Stored(len(data), self._etag(), data=data)
        size, offset, reference = 0, None, self._reference
        for piece in pieces:
            if reference is not None:
                if size == 0:
                    offset = reference.place(piece)
                if offset is not None and not reference.holds(piece, offset + size):
                    offset = None
            size += len(piece)
        return Stored(size, self._etag(), offset)

    def keep(self, request: Request, key: str, stored: Stored) -> bool:
        """Put an object where a request's condition holds; return whether it does."""
        with self.lock:
            kept = is_kept(request.headers, self.objects.get(key))
            if kept:
                self._keys = None if key not in self.objects else self._keys
                self.objects[key] = stored
        return kept

    def drop(self, key: str) -> bool:
        """Remove an object; return whether there was one."""
        self._keys = None
        return self.objects.pop(key, None) is not None

    def joined(self, parts: Sequence[Stored]) -> Stored:
        """Return the object of parts, in their order."""
        size, offset = 0, 0 if parts else None
        for part in parts:
            offset = offset if part.offset == size else None
            size += part.size
        kept = [part.data for part in parts if part.data is not None]
        return Stored(size, self._etag(), offset, b"".join(kept) if kept else None)

    def _put(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        if not key:
            b"".join(map(bytes, wire.body(request.headers)))
            wire.answer("200 OK")
            return
        stored = self.receive(wire, request, key)
        if self.keep(request, key, stored):
            wire.answer("200 OK", head=stored.head)
        else:
            _error(wire, "412 Precondition Failed", "PreconditionFailed")

    def _create_upload(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        b"".join(map(bytes, wire.body(request.headers)))
        name = f"upload-{next(self._etags)}"
        self._uploads[name] = _Upload(key)
        about = f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key><UploadId>{name}</UploadId>"
        xml(wire, "InitiateMultipartUploadResult", about)

    def _upload_part(self, wire: Wire, request: Request, key: str, asked: dict[str, str]) -> None:
        stored = self.receive(wire, request, key)
        upload = self._uploads.get(asked["uploadId"])
        if upload is None:
            _error(wire, "404 Not Found", "NoSuchUpload")
            return
        upload.parts[int(asked["partNumber"])] = stored
        wire.answer("200 OK", head=f"ETag: {stored.etag}\r\n")

    def _complete(self, wire: Wire, request: Request, key: str, asked: dict[str, str]) -> None:
        b"".join(map(bytes, wire.body(request.headers)))
        upload = self._uploads.pop(asked["uploadId"], None)
        if upload is None:
            _error(wire, "404 Not Found", "NoSuchUpload")
            return
        parts = [upload.parts[number] for number in sorted(upload.parts)]
        self.objects[key] = stored = self.joined(parts)
        self._keys = None
        xml(wire, "CompleteMultipartUploadResult",
             f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key>"
             f"<ETag>{escape(stored.etag)}</ETag>")  # fmt: skip

    def _abort(self, wire: Wire, request: Request, key: str, asked: dict[str, str]) -> None:
        self._uploads.pop(asked["uploadId"], None)
        wire.answer("204 No Content")

    def _delete(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        self.drop(key)
        wire.answer("204 No Content")

    def _delete_many(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        body = b"".join(map(bytes, wire.body(request.headers))).decode()
        for each in body.split("<Key>")[1:]:
            self.objects.pop(each.partition("</Key>")[0], None)
        self._keys = None
        xml(wire, "DeleteResult", "")

    def _read(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        bare = request.method == "HEAD"
        stored = self.objects.get(key) if key else None
        if stored is None:
            if bare and not key:
                wire.answer("200 OK")
            elif bare:
                wire.answer("404 Not Found", bare=True)
            else:
                _error(wire, "404 Not Found", "NoSuchKey")
            return
        self.send(wire, request, key)

    def send(self, wire: Wire, request: Request, key: str) -> None:
        """Answer with an object, or with a range of it."""
        stored, bare = self.objects[key], request.method == "HEAD"
        data = stored.data or b""
        if stored.data is None and not bare and self._reference is not None:
            data = bytes(self._reference.view)
        head = f"{stored.head}Last-Modified: {HTTP_DATE}\r\n"
        first, _, last = request.headers.get("range", "").removeprefix("bytes=").partition("-")
        if first and not bare:
            begin, end = int(first), min(int(last or stored.size), stored.size - 1)
            head += f"Content-Range: bytes {begin}-{end}/{stored.size}\r\n"
            wire.answer("206 Partial Content", data[begin : end + 1], head)
            return
        wire.answer("200 OK", data, f"{head}Content-Length: {stored.size}\r\n", bare=bare)

    def page(
        self, prefix: str, delimiter: str, after: str, most: int
    ) -> tuple[list[tuple[str, Stored]], list[str], bool]:
        """Return a page of a listing: objects, folders, and whether more objects follow."""
        known = self._keys = self._keys or sorted(self.objects.copy())  # others write meanwhile
        begin = max(bisect.bisect_left(known, prefix), bisect.bisect_right(known, after))
        end = bisect.bisect_left(known, f"{prefix}\U0010ffff")
        keys = known[begin : end if delimiter else min(end, begin + most + 1)]
        folders: set[str] = set()
        if delimiter:
            tails = [(k, k[len(prefix) :].partition(delimiter)) for k in keys]
            folders = {f"{prefix}{head}{slash}" for _, (head, slash, _) in tails if slash}
            keys = [k for k, (_, slash, _) in tails if not slash]
        found = [(k, stored) for k in keys[:most] if (stored := self.objects.get(k))]
        return found, sorted(folders), len(keys) > most

    def _list(self, wire: Wire, request: Request, key: str, asked: dict[str, str]) -> None:
        prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
        after = asked.get("continuation-token") or asked.get("start-after", "")
        most = int(asked.get("max-keys", PAGE))
        page, folders, more = self.page(prefix, delimiter, after, most)
        write = quote if asked.get("encoding-type") == "url" else escape
        contents = "".join(
            f"<Contents><Key>{write(k)}</Key><LastModified>{_DATE}</LastModified>"
            f"<ETag>{escape(stored.etag)}</ETag><Size>{stored.size}</Size>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for k, stored in page
        )
        xml(
            wire,
            "ListBucketResult",
            f"<Name>{BUCKET}</Name><Prefix>{write(prefix)}</Prefix><MaxKeys>{most}</MaxKeys>"
            f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>"
            + ("<EncodingType>url</EncodingType>" if write is quote else "")
            + "".join(
                f"<NextContinuationToken>{escape(last)}</NextContinuationToken>"
                for last, _ in page[-1:]
                if more
            )
            + contents
            + "".join(
                f"<CommonPrefixes><Prefix>{write(each)}</Prefix></CommonPrefixes>"
                for each in folders
            ),
        )

    def _list_uploads(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        xml(wire, "ListMultipartUploadsResult", f"<Bucket>{BUCKET}</Bucket>")

    def _about_bucket(self, wire: Wire, request: Request, key: str, _: dict[str, str]) -> None:
        wire.answer("200 OK", b"<LocationConstraint/>")


def is_kept(headers: Mapping[str, str], there: Stored | None) -> bool:
    """Whether a request's condition on what is there holds, in S3's or Google's words."""
    if "if-none-match" in headers:
        return there is None
    if "if-match" in headers:
        return there is not None and there.etag == headers["if-match"]
    wanted = headers.get("x-goog-if-generation-match")
    return wanted is None or wanted == (there.generation if there else "0")


def _operation(method: str, key: str, asked: dict[str, str]) -> str:
    """Return what a request is, by the name that it has here."""
    if method == "PUT":
        return "upload_part" if "uploadId" in asked else "put"
    if method == "POST":
        for name, operation in (("uploads", "create_upload"), ("uploadId", "complete")):
            if name in asked:
                return operation
        return "delete_many"
    if method == "DELETE":
        return "abort" if "uploadId" in asked else "delete"
    if key or method == "HEAD":
        return "read"
    if "uploads" in asked:
        return "list_uploads"
    return "about_bucket" if {"location", "versioning"} & asked.keys() else "list"


def xml(wire: Wire, name: str, content: str, status: str = "200 OK") -> None:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{name}'
        f' xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{content}</{name}>'
    )
    wire.answer(status, body.encode(), "Content-Type: application/xml\r\n")


def _error(wire: Wire, status: str, code: str) -> None:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>'
    wire.answer(status, body.encode(), "Content-Type: application/xml\r\n")
