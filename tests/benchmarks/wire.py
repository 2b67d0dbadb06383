"""HTTP/1.1 for the benchmark's own servers: as little of it, and as fast, as Python can."""

from __future__ import annotations

import contextlib
import gc
import mmap
import os
import signal
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: What is read at a time of a large body.
BUFFER = 2**20
_SLOT = struct.Struct("4Q")


@dataclass(frozen=True)
class Request:
    """A request's head."""

    method: str
    target: str
    headers: dict[str, str]


class Wire:
    """One connection: heads and bodies come off it, answers go onto it."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._ahead = b""
        self._buffer: bytearray | None = None

    def request(self) -> Request | None:
        """Return the next request; None once the client has hung up."""
        while (end := self._ahead.find(b"\r\n\r\n")) < 0:
            data = self.socket.recv(65536)
            if not data:
                return None
            self._ahead += data
        head, self._ahead = self._ahead[:end].decode("latin-1"), self._ahead[end + 4 :]
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        if headers.get("expect", "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return Request(method, target, headers)

    def body(self, headers: dict[str, str]) -> Iterator[memoryview | bytes]:
        """Yield a body, whatever its framing; each piece is good until the next is asked for."""
        pieces = self._transferred(headers)
        if "aws-chunked" in headers.get("content-encoding", ""):
            return _unframed(pieces)
        return pieces

    def _transferred(self, headers: dict[str, str]) -> Iterator[memoryview | bytes]:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self._line().partition(b";")[0], 16):
                yield from self._exactly(size)
                self._line()
            while self._line():
                pass
            return
        yield from self._exactly(int(headers.get("content-length") or 0))

    def _exactly(self, size: int) -> Iterator[memoryview | bytes]:
        if size <= len(self._ahead):
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
            yield piece
            return
        while size:
            if self._buffer is None:
                self._buffer = bytearray(BUFFER)
            view = memoryview(self._buffer)[: min(size, BUFFER)]
            got = min(len(self._ahead), len(view))
            view[:got], self._ahead = self._ahead[:got], self._ahead[got:]
            # Fill the buffer first: comparing a few large pieces is cheaper than many small ones,
            # and a small one does not tell its place in the file.
            while got < len(view):
                more = self.socket.recv_into(view[got:])
                if not more:
                    raise ConnectionError("the body ended early")
                got += more
            size -= got
            yield view

    def _line(self) -> bytes:
        while (end := self._ahead.find(b"\r\n")) < 0:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the body ended early")
            self._ahead += data
        line, self._ahead = self._ahead[:end], self._ahead[end + 2 :]
        return line

    def answer(self, status: str, body: bytes = b"", head: str = "", *, bare: bool = False) -> None:
        """Send an answer.

        :param status: code and reason.
        :param body: what follows.
        :param head: further header lines, each with its line end.
        :param bare: whether to send the body's length, but not the body.
        """
        length = "" if "Content-Length" in head else f"Content-Length: {len(body)}\r\n"
        data = f"HTTP/1.1 {status}\r\n{head}{length}\r\n".encode()
        self.socket.sendall(data if bare else data + body)

    def send_file(self, head: bytes, file: int, size: int) -> None:
        """Send a head, then a file: without TLS it does not pass through this process."""
        sent = 0
        if isinstance(self.socket, ssl.SSLSocket):
            self.socket.sendall(head)
            while sent < size:
                piece = os.pread(file, BUFFER, sent)
                self.socket.sendall(piece)
                sent += len(piece)
            return
        self.socket.sendall(head, socket.MSG_MORE)
        while sent < size:
            sent += os.sendfile(self.socket.fileno(), file, sent, size - sent)


def _unframed(pieces: Iterator[memoryview | bytes]) -> Iterator[bytes]:
    """Take the signed chunks of ``aws-chunked`` out of their frames; trailers are left out."""
    ahead, ready = bytearray(), bytearray()
    for piece in pieces:
        ahead += piece
        while (end := ahead.find(b"\r\n")) >= 0:
            size = int(bytes(ahead[:end]).partition(b";")[0], 16)
            if size == 0:
                yield bytes(ready)
                for _ in pieces:  # trailers
                    pass
                return
            if len(ahead) < end + 2 + size + 2:
                break
            ready += ahead[end + 2 : end + 2 + size]
            del ahead[: end + 2 + size + 2]
        if len(ready) >= BUFFER:
            yield bytes(ready)
            ready.clear()


class Counters:
    """What several processes have done: requests, connections, bytes, CPU time."""

    def __init__(self, processes: int) -> None:
        self._memory = mmap.mmap(-1, _SLOT.size * processes)
        self._processes = processes
        self._slot = 0
        self._lock = threading.Lock()
        self._mine = [0, 0, 0]

    def take_slot(self, number: int) -> None:
        """Say which process this is."""
        self._slot = number

    def add(self, *, requests: int = 0, connections: int = 0, size: int = 0) -> None:
        """Count."""
        with self._lock:
            self._mine[0] += requests
            self._mine[1] += connections
            self._mine[2] += size
            _SLOT.pack_into(
                self._memory, self._slot * _SLOT.size, *self._mine, time.process_time_ns()
            )

    def read(self) -> dict[str, float]:
        """Return the sums over all processes."""
        slots = [_SLOT.unpack_from(self._memory, n * _SLOT.size) for n in range(self._processes)]
        requests, connections, size, cpu = map(sum, zip(*slots, strict=True))
        return {"requests": requests, "connections": connections, "bytes": size, "cpu": cpu / 1e9}


def serve(
    handle: Callable[[Wire, Request], None],
    counters: Counters,
    processes: int = 1,
    prepare: Callable[[str], None] = lambda _: None,
    certificate: str = "",
) -> None:
    """Serve on a free port of loopback, which is printed, until the end of standard input.

    :param handle: answers one request.
    :param counters: for as many processes.
    :param processes: share the port.
    :param prepare: is told the origin, before the processes part.
    :param certificate: a file with certificate and key, for TLS.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
    if tls:
        tls.load_cert_chain(certificate)
    origin = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
    prepare(origin)
    gc.freeze()
    children = []
    for number in range(1, processes):
        if (child := os.fork()) == 0:
            counters.take_slot(number)
            _accept(listener, tls, handle, counters)
        children.append(child)
    threading.Thread(target=_accept, args=(listener, tls, handle, counters), daemon=True).start()
    print(origin, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while os.read(0, 1024):
            pass
    for child in children:
        os.kill(child, signal.SIGKILL)


def _accept(
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    handle: Callable[[Wire, Request], None],
    counters: Counters,
) -> None:
    counters.add()  # what was used until here is no part of any measurement
    while True:
        connection, _ = listener.accept()
        counters.add(connections=1)
        threading.Thread(target=_talk, args=(connection, tls, handle), daemon=True).start()


def _talk(
    connection: socket.socket,
    tls: ssl.SSLContext | None,
    handle: Callable[[Wire, Request], None],
) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(ConnectionError, ssl.SSLError), contextlib.ExitStack() as stack:
        stack.enter_context(connection)
        if tls:
            connection = stack.enter_context(tls.wrap_socket(connection, server_side=True))
        wire = Wire(connection)
        while (request := wire.request()) is not None:
            handle(wire, request)
