"""The connections of a session: cut off from outside, read until a deadline, addresses as given."""

from __future__ import annotations

import contextlib
import http.client
import io
import math
import socket
import threading
import time
import weakref
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from urllib3 import PoolManager
from urllib3.connection import HTTPConnection


class Exchange(threading.local):
    """What a thread's request needs to know; each thread sees its own."""

    #: Seconds from when the request leaves until the whole answer has to be there.
    seconds = math.inf
    #: When that is, by the monotonic clock.
    deadline = math.inf
    #: The request's path and query, as they are to be sent.
    target = ""

    def leaves(self, target: str) -> None:
        """Start the clock: the request leaves now.

        :param target: its path and query, as they are to be sent.
        """
        self.target = target
        self.deadline = time.monotonic() + self.seconds

    def limit(self, seconds: float) -> None:
        """Give what is read from now on a deadline.

        :param seconds: how long it may take.
        """
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds

    @property
    def expired(self) -> bool:
        """Whether the deadline is over."""
        return time.monotonic() >= self.deadline


exchange = Exchange()


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

    def watch(self, manager: PoolManager) -> None:
        """Have all further connections of a pool manager tell their sockets."""
        manager.pool_classes_by_scheme = {
            scheme: type(pool.__name__, (pool,), {"ConnectionCls": self._told_by(pool)})
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }

    def _told_by(self, pool: Any) -> type[HTTPConnection]:
        connection: type[HTTPConnection] = pool.ConnectionCls
        if issubclass(connection, _Watched):
            return connection
        made = type(connection.__name__, (_Watched, connection), {"registry": self})
        return cast("type[HTTPConnection]", made)


class _Reader(io.RawIOBase):
    """Reads a connection until the deadline of the thread that reads."""

    def __init__(self, sock: socket.socket, raw: Any) -> None:
        self._sock = sock
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = exchange.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if left < (self._sock.gettimeout() or math.inf):
            self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer, behind informational ones (103 Early Hints), which are passed over."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw: Any = self.fp.detach()
        self.fp = io.BufferedReader(_Reader(sock, raw))

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


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
        # urllib3 writes %7e as %7E, which is not what a signature was made over.
        exact = exchange.target
        super().putrequest(
            method, exact if unquote(exact) == unquote(url) else url, *args, **kwargs
        )


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        # Not SSLSocket's own, which would pull the TLS away from under a thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
