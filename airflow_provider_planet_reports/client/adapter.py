"""What every request goes through, redirected ones included."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_planet_reports.client.addresses import safe_url
from airflow_provider_planet_reports.client.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.retries import LONGEST_RETRY_AFTER, retry_after
from airflow_provider_planet_reports.client.sockets import Sockets

#: Threads that may share one session without connections being thrown away.
_POOL_SIZE = 64
#: Loggers that are given the addresses of requests, with all that is in them.
_TALKATIVE = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)


class Adapter(HTTPAdapter):
    """Gives every request a timeout and its turn, and keeps its secrets out of urllib3's logs.

    :param timeout: seconds without a byte before a connection counts as dead.
    :param pace: spaces the requests out, where they count against Planet's limits.
    :param sockets: is told the sockets of all connections.
    """

    def __init__(self, timeout: float, pace: RateLimiter | None, sockets: Sockets) -> None:
        self._timeout = timeout
        self._pace = pace
        self._sockets = sockets
        for name in _TALKATIVE:
            logging.getLogger(name).addFilter(_discretion)
        super().__init__(pool_maxsize=_POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools, with connections that can be hung up."""
        super().init_poolmanager(*args, **kwargs)
        self._sockets.watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of a proxy, with connections that can be hung up."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._sockets.watch(manager)
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request when it is its turn."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        if self._pace is not None:
            self._pace.wait()
        if self._sockets.hung_up:
            raise requests.ConnectionError("all connections were hung up")
        with _discretion.here():
            response = super().send(request, *args, **kwargs)
        if self._pace is not None:
            if response.status_code == 429:
                asked = retry_after(response.headers.get("Retry-After")) or 0.0
                self._pace.slow_down(min(asked, LONGEST_RETRY_AFTER))
            else:
                self._pace.recover()
        return response


class _Discretion(logging.Filter):
    """Rewrites what urllib3 logs of our own requests; those of others in the process stay."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    @contextmanager
    def here(self) -> Iterator[None]:
        """Rewrite what this thread logs meanwhile."""
        self._thread.discreet = True
        try:
            yield
        finally:
            self._thread.discreet = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record pass; one of ours without secrets."""
        if getattr(self._thread, "discreet", False) and isinstance(record.args, tuple):
            record.args = tuple(map(_fit_for_logs, record.args))
            record.exc_info = None  # with headers in it, or the address
        return True


def _fit_for_logs(value: object) -> object:
    if isinstance(value, str):
        return safe_url(value) if "?" in value else value
    return value if isinstance(value, (int, type(None))) else type(value).__name__


_discretion = _Discretion()
