"""The connections of a session: cut off from outside, read until a deadline, addresses as given."""

from __future__ import annotations

import contextlib
import http.client
import math
import re
import socket
import threading
import time
import weakref
from typing import Any, ClassVar
from urllib.parse import unquote

from urllib3.connection import HTTPConnection


class Exchange(threading.local):
    """The request that a thread is about, if any; each thread sees its own."""

    def __init__(self) -> None:
        self.begin()

    def begin(self, address: str = "", seconds: float = math.inf) -> None:
        """Take note of a request.

        :param address: its address, as it is written.
        :param seconds: how long it may take, from when it leaves until the whole answer is there.
        """
        self.address, self.seconds = address, seconds
        #: The proxy that it went through, if any.
        self.proxy: str | None = None
        self.start_clock()

    def start_clock(self) -> None:
        """Count the seconds from now on."""
        self.deadline = time.monotonic() + self.seconds

    def end(self) -> None:
        """Forget the request: what this thread reads from now on has no deadline."""
        self.begin()

    @property
    def expired(self) -> bool:
        """Whether the deadline is over."""
        return time.monotonic() >= self.deadline


exchange = Exchange()

#: An address that can be sent as it is written.
_SENDABLE = re.compile(r"https?://[^/?#\s]+(/[!-\"$-;=?-~]*)", re.IGNORECASE)


class ConnectionRegistry:
    """Knows every connection's socket, and can shut down all.

    A thread that waits in a read cannot be interrupted, but its connection can be: the read
    then ends as if the server had ended it.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._is_shut_down = False

    def add(self, sock: socket.socket) -> None:
        """Take note of a socket; it is shut down at once where all were shut down before."""
        with self._lock:
            self._open.add(sock)
        if self._is_shut_down:
            _shut_down(sock)

    def shutdown_all(self) -> None:
        """Shut all sockets down, those to come included."""
        self._is_shut_down = True
        with self._lock:
            sockets = list(self._open)
        for sock in sockets:
            _shut_down(sock)

    def watch(self, pool: Any) -> None:
        """Have all further connections of a pool register their sockets.

        :param pool: a connection pool of urllib3's; those of SOCKS proxies have connections of
            their own, hence a class for each kind.
        """
        kind = pool.ConnectionCls
        if not issubclass(kind, _Watched):
            pool.ConnectionCls = type(kind.__name__, (_Watched, kind), {"registry": self})


class _Reader(socket.SocketIO):
    """Reads a connection until the deadline of the thread that reads."""

    _sock: socket.socket

    def readinto(self, buffer: Any) -> int | None:
        left = exchange.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if left < (self._sock.gettimeout() or math.inf):
            self._sock.settimeout(left)
        return super().readinto(buffer)


class _Response(http.client.HTTPResponse):
    """An answer, behind informational ones (103 Early Hints), which are passed over."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        raw: Any = self.fp.raw
        raw.__class__ = _Reader

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        # The library passes over 100 by itself, and over no other.
        return version, 100 if 101 < status < 200 else status, reason


class _Watched(HTTPConnection):
    """A connection that tells its sockets, and sends addresses byte for byte."""

    registry: ClassVar[ConnectionRegistry]
    response_class = _Response
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # TLS takes the socket over, and keeps it out of reach until the handshake is done.
        self._handle = sock.dup()
        self.registry.add(self._handle)
        return sock

    def connect(self) -> None:
        try:
            super().connect()
            if isinstance(self.sock, socket.socket):  # not TLS within a proxy's TLS
                self.registry.add(self.sock)
        finally:
            if self._handle is not None:
                self._handle.close()

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        # requests writes %7E as ~, and urllib3 %7e as %7E: not what a signature was made over.
        exact = _SENDABLE.fullmatch(exchange.address)
        if exact is not None and unquote(exact[1]) == unquote(url):
            url = exact[1]
        super().putrequest(method, url, *args, **kwargs)


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        # Not SSLSocket's own, which would pull the TLS away from under a thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
