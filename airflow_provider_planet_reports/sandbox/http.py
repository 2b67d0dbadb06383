"""Serving answers over HTTP on loopback, in the ways that servers and tests need."""

from __future__ import annotations

import json
import re
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_planet_reports.sandbox.reports import Part


@dataclass
class Request:
    """What a client asked for.

    :param method: HTTP method.
    :param path: path, decoded.
    :param query: query parameters; of repeated ones the last.
    :param headers: headers, by lower-case name.
    :param target: path and query as they came.
    """

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    target: str = ""


@dataclass
class Answer:
    """What it gets.

    :param status: HTTP status; 0 to send nothing, once the body's pieces have been waited for.
    :param body: JSON-safe mapping, or bytes piece by piece. With neither a ``Content-Length`` nor
        a ``Transfer-Encoding`` in the headers, the connection's end is that of the pieces.
    :param headers: further headers.
    :param ending: what becomes of the connection afterwards: it is kept, closed or reset.
    """

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    ending: Literal["keep", "close", "reset"] = "keep"


def content_of(part: Part, headers: Mapping[str, str]) -> Answer:
    """Return the answer with a file's bytes, or the range of them that was asked for.

    :param part: the file.
    :param headers: the request's.
    """
    begin = 0
    found = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
    if found and headers.get("if-range", part.etag) == part.etag:
        begin = int(found.group(1))
        if begin >= len(part):
            whole = {"Content-Range": f"bytes */{len(part)}"}
            return Answer(416, {"message": f"The file has {len(part)} bytes."}, whole)
    answer = Answer(
        206 if begin else 200,
        part.read(begin),
        {
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Length": str(len(part) - begin),
            "Accept-Ranges": "bytes",
            "ETag": part.etag,
        },
    )
    if begin:
        answer.headers["Content-Range"] = f"bytes {begin}-{len(part) - 1}/{len(part)}"
    return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let clients go without a word, as killed ones do; tell of everything else."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serving(respond: Callable[[Request], Answer], port: int = 0) -> Iterator[str]:
    """Serve on loopback for as long as the context lasts, and give the origin.

    :param respond: answers each request, in threads.
    :param port: TCP port; a free one by default.
    """
    server = _Server(("127.0.0.1", port), _handler(respond))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(respond: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "planet-reports-sandbox"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, unquote(parts.path), query, headers, self.path)
            answer = respond(request)
            try:
                if answer.status:
                    self._send(answer)
                else:
                    deque(answer.body, maxlen=0)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            if answer.ending != "keep":
                self.close_connection = True
            if answer.ending == "reset":
                self._reset()

        do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

        def _send(self, answer: Answer) -> None:
            headers, body = dict(answer.headers), answer.body
            if isinstance(body, dict):
                body = [json.dumps(body).encode()]
                headers.setdefault("Content-Type", "application/json")
                headers.setdefault("Content-Length", str(len(body[0])))
            if answer.status == HTTPStatus.UNAUTHORIZED:
                headers.setdefault("WWW-Authenticate", 'Basic realm="reports"')
            self.send_response(answer.status)
            for name, value in headers.items():
                self.send_header(name, value)
            chunked = "Transfer-Encoding" in headers
            if not chunked and "Content-Length" not in headers:
                self.send_header("Connection", "close")
            if self.command != "GET":  # its body, if any, is left unread
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command == "HEAD":
                return
            for piece in body:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked and answer.ending == "keep":
                self.wfile.write(b"0\r\n\r\n")

        def _reset(self) -> None:
            """Have the client find the connection broken rather than ended."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.rfile.close()
            self.connection.close()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler
