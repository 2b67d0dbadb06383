"""What every request goes through, redirected ones included: its turn, and a connection."""

from __future__ import annotations

import contextlib
import http.client
import logging
import math
import re
import socket
import threading
import time
import weakref
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import unquote, urljoin

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, select_proxy
from urllib3.connection import HTTPConnection

from airflow_provider_planet_reports.client.transport.addresses import is_loopback, origin
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.retries import LONGEST_WAIT, parse_retry_after

log = logging.getLogger(__name__)

#: Threads that may share one session without connections being thrown away.
_POOL_SIZE = 64


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


# urllib3 logs addresses with their signatures, and headers that it cannot parse. What others in
# the process send stays in the logs.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(lambda _: not exchange.address)

#: An address that can be sent as it is written.
_SENDABLE = re.compile(r"https?://[^/?#\s]+(/[!-\"$-;=?-~]*)", re.IGNORECASE)


class Adapter(HTTPAdapter):
    """Gives every request its turn, its proxy and a timeout, and can shut its connections down.

    A thread that waits in a read cannot be interrupted, but its connection can be: the read
    then ends as if the server had ended it.

    :param base_url: address of the API; requests to its origin count against Planet's limits.
    :param timeout: connect and read timeout, in seconds.
    :param rate_limiter: spaces those requests out.
    """

    def __init__(self, base_url: str, timeout: float, rate_limiter: RateLimiter) -> None:
        super().__init__(pool_maxsize=_POOL_SIZE)
        self._origin = origin(base_url)
        self._timeout = timeout
        self._rate_limiter = rate_limiter
        # Looking into the environment costs a third of a small request: once for each server.
        self._proxies_of = lru_cache(get_environ_proxies)
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self._is_shut_down = False

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request, which may be one of several redirected ones, when it is its turn."""
        url = request.url or ""
        kwargs["timeout"] = kwargs.get("timeout") or self._timeout
        kwargs["proxies"] = kwargs.get("proxies") or self._proxies_of(urljoin(url, "/"))
        if is_loopback(origin(url)[1]):
            kwargs["proxies"] = {}  # it would be the proxy's own loopback
        exchange.proxy = select_proxy(url, kwargs["proxies"])
        is_limited = origin(url) == self._origin
        if is_limited:
            self._rate_limiter.wait()
        exchange.start_clock()
        response = super().send(request, *args, **kwargs)
        log.debug("%s %s: %d", request.method, safe_url(url), response.status_code)
        if is_limited and response.status_code == 429:
            asked = parse_retry_after(response.headers.get("Retry-After"))
            self._rate_limiter.slow_down(min(asked or 0.0, LONGEST_WAIT))
        elif is_limited:
            self._rate_limiter.recover()
        return response

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for a request, with connections that can be shut down."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        kind = pool.ConnectionCls  # those of SOCKS proxies are of a kind of their own
        if not issubclass(kind, _Connection):
            pool.ConnectionCls = type(kind.__name__, (_Connection, kind), {"adapter": self})
        return pool

    def add(self, sock: socket.socket) -> None:
        """Take note of a socket; it is shut down at once where all were shut down before."""
        with self._lock:
            self._sockets.add(sock)
        if self._is_shut_down:
            _shut_down(sock)

    def shutdown_all(self) -> None:
        """Shut all connections down, those to come included."""
        self._is_shut_down = True
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _shut_down(sock)


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


class _Connection(HTTPConnection):
    """A connection that tells its sockets, and sends addresses byte for byte."""

    adapter: ClassVar[Adapter]
    response_class = _Response
    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # TLS takes the socket over, and keeps it out of reach until the handshake is done.
        self._handle = sock.dup()
        self.adapter.add(self._handle)
        return sock

    def connect(self) -> None:
        try:
            super().connect()
            if isinstance(self.sock, socket.socket):  # not TLS within a proxy's TLS
                self.adapter.add(self.sock)
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
