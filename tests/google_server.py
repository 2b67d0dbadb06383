"""Google Cloud Storage in memory: as much of its XML API as obstore uses, with generations."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

Answer = tuple[int, bytes, dict[str, str]]  # status, body, headers; objects are stored as such


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        url = urlsplit(self.path)
        self.query = dict(parse_qsl(url.query, keep_blank_values=True))
        self.bucket, _, self.key = unquote(url.path).lstrip("/").partition("/")


@dataclass
class Fault:
    matches: Callable[[Request], bool]
    times: int = 1  # how many of the next requests that match are concerned
    before: Callable[[], object] = lambda: None  # called before the request takes effect
    after: Callable[[], object] = lambda: None  # called after that, before the answer is sent
    lose_answer: bool = False  # close the connection instead of sending the answer


class GoogleServer(ThreadingHTTPServer):
    """Buckets, a log of the requests, faults, and the most entries on a page of a listing."""

    page_size, request_queue_size = 1000, 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.connections: set[socket.socket] = set()
        self._buckets: dict[str, dict[str, Answer]] = {}
        self._uploads: dict[str, tuple[Request, dict[int, bytes]]] = {}
        self._numbers = itertools.count(1_700_000_000_000_001)
        self._lock = threading.Lock()  # guards all of the above: one request's effect at a time

    def __enter__(self) -> GoogleServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        for connection in self.connections.copy():
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def create_bucket(self, name: str) -> None:
        self._buckets[name] = {}

    def objects(self, bucket: str) -> dict[str, bytes]:
        return {key: data for key, (_, data, _) in self._buckets[bucket].copy().items()}

    def unfinished_uploads(self, bucket: str) -> list[str]:
        return [each.key for each, _ in self._uploads.copy().values() if each.bucket == bucket]

    def service_account_key(self) -> str:
        """Return the key that leads a ``GCSStore`` here, which needs ``allow_http``, too."""
        key = {"gcs_base_url": f"http://127.0.0.1:{self.server_port}", "disable_oauth": True}
        return json.dumps({**key, "client_email": "", "private_key": "", "private_key_id": ""})

    def handle(self, request: Request) -> Answer | None:
        """Let a request take effect; return None if its answer is lost."""
        with self._lock:
            self.requests.append(request)
            due = (each for each in self.faults if each.times > 0 and each.matches(request))
            fault = next(due, Fault(lambda request: True))
            fault.times -= 1
        fault.before()
        with self._lock:
            answer = self._answer(request)
        fault.after()
        return None if fault.lose_answer else answer

    def _answer(self, request: Request) -> Answer:
        objects = self._buckets.get(request.bucket)
        if objects is None:
            return _xml("Error", "<Code>NoSuchBucket</Code>", 404)
        if not request.key:
            return self._list(objects, request.query)
        if "uploads" in request.query:
            upload_id = f"upload-{next(self._numbers)}"
            self._uploads[upload_id] = (request, {})
            return _xml("InitiateMultipartUploadResult", f"<UploadId>{upload_id}</UploadId>")
        if "uploadId" in request.query:
            return self._upload(request, objects, request.query["uploadId"])
        if request.method == "PUT":
            return self._put(request, objects, request.body)
        if request.key not in objects:
            return _xml("Error", "<Code>NoSuchKey</Code>", 404)
        if request.method == "DELETE":
            del objects[request.key]
            return 204, b"", {}
        return _part(objects[request.key], request.headers.get("range", ""))

    def _put(self, request: Request, objects: dict[str, Answer], data: bytes) -> Answer:
        there = objects[request.key][2]["x-goog-generation"] if request.key in objects else "0"
        if request.headers.get("x-goog-if-generation-match", there) != there:
            return _xml("Error", "<Code>PreconditionFailed</Code>", 412)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        headers = {"ETag": f'"{etag}"', "x-goog-generation": str(next(self._numbers))}
        dated = {**headers, "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}
        objects[request.key] = (200, data, dated)
        return 200, b"", headers

    def _upload(self, request: Request, objects: dict[str, Answer], upload_id: str) -> Answer:
        if upload_id not in self._uploads:
            return _xml("Error", "<Code>NoSuchUpload</Code>", 404)
        parts = self._uploads[upload_id][1]
        if request.method == "PUT":
            parts[int(request.query["partNumber"])] = request.body
            return 200, b"", {"ETag": '"of a part"'}
        answer: Answer = (204, b"", {})
        if request.method == "POST":
            named = re.findall(rb"<PartNumber>(\d+)<", request.body)
            answer = self._put(request, objects, b"".join(parts[int(each)] for each in named))
            if answer[0] != 200:
                return answer
            etag = f"<ETag>{answer[2]['ETag']}</ETag>"
            answer = (200, _xml("CompleteMultipartUploadResult", etag)[1], answer[2])
        del self._uploads[upload_id]
        return answer

    def _list(self, objects: dict[str, Answer], query: dict[str, str]) -> Answer:
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        entries: dict[str, str] = {}
        for key, (_, data, headers) in sorted(objects.items()):
            end = key.find(delimiter, len(prefix)) if delimiter else -1
            name = key[: end + len(delimiter)] if end >= 0 else key
            if not key.startswith(prefix) or key <= query.get("start-after", ""):
                continue
            told = f"<Key>{escape(key)}</Key><ETag>{headers['ETag']}</ETag><Size>{len(data)}</Size>"
            told += "<LastModified>2026-11-01T00:00:00.000Z</LastModified>"
            entries[name] = f"<Contents>{told}</Contents>"
            if end >= 0:
                entries[name] = f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
        names = [name for name in entries if name > query.get("continuation-token", "")]
        page = names[: self.page_size]
        head = f"<IsTruncated>{str(names != page).lower()}</IsTruncated>"
        if names != page:
            head += f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"
        return _xml("ListBucketResult", head + "".join(entries[name] for name in page))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open
    server: GoogleServer

    def _handle(self) -> None:
        self.server.connections.add(self.connection)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.handle(Request(self.command, self.path, headers, body))
        if answer is None:
            self.close_connection = True
            return
        status, data, headers = answer
        self.send_response_only(status)  # which logs nothing
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # the client has stopped waiting
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle


def _part(stored: Answer, asked: str) -> Answer:
    _, data, headers = stored
    if not (found := re.fullmatch(r"bytes=(\d*)-(\d*)", asked)):
        return stored
    start = int(found[1]) if found[1] else len(data) - int(found[2])
    part = data[start : int(found[2]) + 1 if found[1] and found[2] else None]
    span = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"}
    return (206, part, headers | span) if part else _xml("Error", "<Code>InvalidRange</Code>", 416)


def _xml(name: str, content: str, status: int = 200) -> Answer:
    return status, f"<{name}>{content}</{name}>".encode(), {}
