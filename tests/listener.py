"""A server that says yes to everything, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any


class Listener(ThreadingHTTPServer):
    """Answers with ``answer``; counts connections, those that come to nothing, too."""

    daemon_threads = True

    def __init__(self, certificate: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[SimpleNamespace] = []
        self.answer: tuple[int, bytes] = (200, b"")
        self.connections = 0
        self.go_on = threading.Event()  # cleared: it does not answer
        self.go_on.set()
        self._tls: ssl.SSLContext | None = None
        if certificate:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._tls.load_cert_chain(certificate)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.server_port}"

    def get_request(self) -> Any:
        connection, address = super().get_request()
        self.connections += 1
        if self._tls:
            connection = self._tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""

    @property
    def put(self) -> SimpleNamespace:
        """The last object that was put."""
        return [request for request in self.asked if request.method == "PUT"][-1]

    @contextlib.contextmanager
    def listening(self) -> Iterator[Listener]:
        thread = threading.Thread(target=self.serve_forever, args=(0.02,))
        thread.start()
        yield self
        self.go_on.set()
        self.shutdown()
        thread.join()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Listener

    def do_PUT(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append(
            SimpleNamespace(method=self.command, path=self.path, headers=headers, body=body)
        )
        self.server.go_on.wait()
        status, answer = self.server.answer
        if self.path == "/token":
            status, answer = 200, b'{"access_token": "t0ken", "expires_in": 3600}'
        elif "uploads" in self.path:
            answer = b"<InitiateMultipartUploadResult><UploadId>1</UploadId>"
            answer += b"</InitiateMultipartUploadResult>"
        elif "uploadId" in self.path and self.command == "POST":
            answer = b"<CompleteMultipartUploadResult><ETag>1</ETag>"
            answer += b"</CompleteMultipartUploadResult>"
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", str(len(answer)))
        with contextlib.suppress(ConnectionError):  # the client has stopped waiting
            self.end_headers()
            self.wfile.write(answer)

    do_POST = do_GET = do_DELETE = do_PUT

    def log_message(self, *_: object) -> None:
        pass
