"""The connections of a session: they can be cut off from outside, and send addresses as given."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import weakref
from collections.abc import Iterator
from typing import Any, ClassVar, cast
from urllib.parse import unquote

from urllib3 import PoolManager
from urllib3.connection import HTTPConnection

#: Informational answers in front of one that counts.
_MOST_INFORMATIONAL = 100


class Exchange:
    """A request and the whole of its answer, which has to be over by a deadline.

    The watchdog's thread calls :meth:`_expire`; everything else is called by the thread that sends
    the request. ``_lock`` guards the sockets, and that none is added behind the watchdog's back.

    :param seconds: how long it may take.
    :param headers_too: whether the clock starts when the request leaves, or only with
        :meth:`begin`.
    """

    def __init__(self, seconds: float, *, headers_too: bool) -> None:
        self.headers_too = headers_too
        self._seconds = seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._watchdog: threading.Timer | None = None
        self.expired = False

    def begin(self) -> None:
        """Start the clock, if it does not run already."""
        if self._watchdog is None:
            self._watchdog = threading.Timer(self._seconds, self._expire)
            self._watchdog.daemon = True  # an answer that is read does not keep a process alive
            self._watchdog.start()

    def add(self, sock: socket.socket) -> None:
        """Take note of a socket that the request uses."""
        with self._lock:
            self._sockets.append(sock)
        if self.expired:
            _shut_down(sock)

    def end(self) -> None:
        """Stop the clock."""
        if self._watchdog is not None:
            self._watchdog.cancel()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for sock in self._sockets:
                _shut_down(sock)


class ConnectionRegistry:
    """Knows every connection's socket, and can shut down all, or those of one request.

    A thread that waits in a read cannot be interrupted, but its connection can be: the read
    then ends as if the server had ended it.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._thread = threading.local()
        self.is_shut_down = False

    @contextlib.contextmanager
    def exchange(self, seconds: float, *, headers_too: bool) -> Iterator[Exchange]:
        """Give what this thread sends and receives meanwhile a deadline.

        :param seconds: how long it may take.
        :param headers_too: whether the clock starts when the request leaves.
        """
        exchange = self._thread.exchange = Exchange(seconds, headers_too=headers_too)
        try:
            yield exchange
        finally:
            exchange.end()
            self._thread.exchange = None

    def leaving(self, target: str) -> None:
        """Take note that a request of this thread leaves now.

        :param target: its path and query, as they are to be sent.
        """
        self._thread.target = target
        exchange = getattr(self._thread, "exchange", None)
        if exchange is not None and exchange.headers_too:
            exchange.begin()

    @property
    def target(self) -> str:
        """Path and query of this thread's request, as they are to be sent."""
        return getattr(self._thread, "target", "")

    def add(self, sock: object) -> None:
        """Take note of a socket; it is shut down at once where all were shut down before."""
        if not isinstance(sock, socket.socket):  # what wraps one that is known already
            return
        with self._lock:
            self._open.add(sock)
        if (exchange := getattr(self._thread, "exchange", None)) is not None:
            exchange.add(sock)
        if self.is_shut_down:
            _shut_down(sock)

    def shutdown_all(self) -> None:
        """Shut all sockets down, those to come included."""
        self.is_shut_down = True
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


class _FinalResponse(http.client.HTTPResponse):
    """An answer, behind informational ones (103 Early Hints), which are passed over."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(_MOST_INFORMATIONAL):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 101 < status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)
        raise http.client.HTTPException("too many informational answers")


class _Watched(HTTPConnection):
    """A connection that tells its sockets, and sends addresses byte for byte."""

    registry: ClassVar[ConnectionRegistry]
    response_class = _FinalResponse
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.registry.add(sock)
        # TLS takes the socket over, and keeps it out of reach until the handshake is done.
        self._handle = sock.dup()
        self.registry.add(self._handle)
        return sock

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            if self._handle is not None:
                self._handle.close()
        self.registry.add(self.sock)

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        self.registry.add(self.sock)  # one of an earlier request
        # urllib3 writes %7e as %7E, which is not what a signature was made over.
        exact = self.registry.target
        super().putrequest(
            method, exact if unquote(exact) == unquote(url) else url, *args, **kwargs
        )


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        # Not SSLSocket's own, which would pull the TLS away from under a thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
