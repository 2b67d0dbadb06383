"""A server on loopback that does what a test tells it to."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "PLAKcanary+0123/456"


@dataclass
class Answer:
    """One answer: ``cut`` ends the connection after so many bytes of the body, ``stall`` keeps
    it open and silent instead until the server is closed; ``silent`` does so before the headers.
    """

    status: int = 200
    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: bool = False
    silent: bool = False


@dataclass
class Received:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    when: float


class Server:
    """Gives the answers it was told, in order; the last one for ever. An answer may be a
    function of the request.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[Answer | Callable[[Received], Answer]] = [Answer(body={})]
        self.stalled = threading.Event()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def will(self, *answers: Answer | Callable[[Received], Answer]) -> None:
        self.answers = list(answers)

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.received]

    def close(self) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(self.command, self.path, headers, time.monotonic())
                with server._lock:
                    server.received.append(request)
                    several = len(server.answers) > 1
                    answer = server.answers.pop(0) if several else server.answers[0]
                answer = answer(request) if callable(answer) else answer
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self.give(answer)

            do_POST = do_GET

            def give(self, answer: Answer) -> None:
                body = answer.body
                if not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                headers = {"Content-Length": str(len(body)), **answer.headers}
                if answer.silent:
                    self.stall()
                if answer.status == 0 or answer.silent:  # no answer at all
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in headers.items():
                    if value is not None:
                        self.send_header(name, value)
                if headers["Content-Length"] is None:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body[: answer.cut])
                if answer.stall:
                    self.stall()
                if answer.cut is not None or answer.stall:
                    self.close_connection = True

            def stall(self) -> None:
                server.stalled.set()
                server._closing.wait(120)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
