"""A token server on loopback: OpenID discovery, and client credentials."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

CLIENT_ID, CLIENT_SECRET = "client-7", "s3cret-canary/+x"


class TokenServer:
    """Gives tokens that live for so many seconds, or the refusals it was told, in order.

    :param secret: of the client.
    :param token: what its tokens begin with.
    """

    def __init__(self, secret: str = CLIENT_SECRET, token: str = "t0ken-canary") -> None:
        self._secret = secret
        self._token = token
        self.lifetime = 3600
        self.refusals: list[tuple[int, Any, dict[str, str]]] = []
        self.asked: list[dict[str, list[str]]] = []
        self.hold = threading.Event()
        self.hold.set()
        self.origin = ""

    def token(self, number: int) -> str:
        return f"{self._token}-{number}"

    def answer(self, form: dict[str, list[str]]) -> tuple[int, Any, dict[str, str]]:
        self.asked.append(form)
        self.hold.wait(60)
        if self.refusals:
            return self.refusals.pop(0)
        if form.get("client_secret") != [self._secret]:
            said = f"Wrong secret: {form.get('client_secret')}"
            return 401, {"error": "invalid_client", "error_description": said}, {}
        token = self.token(len(self.asked))
        return 200, {"access_token": token, "expires_in": self.lifetime}, {}

    @contextmanager
    def serve(self) -> Iterator[TokenServer]:
        http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.hold.set()
            http.shutdown()
            http.server_close()
            thread.join()

    def _handler(server: TokenServer) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                addresses = {"issuer": server.origin, "token_endpoint": f"{server.origin}/token"}
                self.give(200, addresses, {})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.give(*server.answer(parse_qs(body)))

            def give(self, status: int, answer: Any, headers: dict[str, str]) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
