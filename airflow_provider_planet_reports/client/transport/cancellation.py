"""The open sockets of a session, so that a task that is told to stop need not wait for them."""

from __future__ import annotations

import contextlib
import socket
import threading
import weakref
from typing import Any, ClassVar, cast

from urllib3 import PoolManager
from urllib3.connection import HTTPConnection


class ConnectionRegistry:
    """Knows every connection's socket, and can hang all of them up.

    A thread that waits in a read cannot be interrupted, but its connection can be: the read
    then ends as if the server had ended it.
    """

    def __init__(self) -> None:
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal may interrupt whoever holds it
        self.is_shut_down = False

    def add(self, sock: object) -> None:
        """Take note of a socket; it is shut down at once where all were hung up before."""
        if not isinstance(sock, socket.socket):  # what wraps one that is known already
            return
        with self._lock:
            self._open.add(sock)
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
        made = type(connection.__name__, (_Watched, connection), {"sockets": self})
        return cast("type[HTTPConnection]", made)


class _Watched(HTTPConnection):
    """A connection that tells its sockets."""

    sockets: ClassVar[ConnectionRegistry]
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.sockets.add(sock)
        # TLS takes the socket over, and keeps it out of reach until the handshake is done.
        self._handle = sock.dup()
        self.sockets.add(self._handle)
        return sock

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            if self._handle is not None:
                self._handle.close()
        self.sockets.add(self.sock)


def _shut_down(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not connected any more
        # Not SSLSocket's own, which would pull the TLS away from under a thread that reads.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
