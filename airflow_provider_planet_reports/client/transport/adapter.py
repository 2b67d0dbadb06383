"""What every request goes through, redirected ones included."""

from __future__ import annotations

import logging
import threading
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_planet_reports.client.transport.addresses import is_loopback
from airflow_provider_planet_reports.client.transport.connections import (
    ConnectionRegistry,
    exchange,
)
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.retries import LONGEST_WAIT, parse_retry_after

log = logging.getLogger(__name__)

#: Threads that may share one session without connections being thrown away.
_POOL_SIZE = 64

_this_thread = threading.local()


def _is_of_others(_: logging.LogRecord) -> bool:
    return not getattr(_this_thread, "sends", False)


# urllib3 logs addresses with their signatures, and headers that it cannot parse. What others in
# the process send stays in the logs.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_is_of_others)


class Adapter(HTTPAdapter):
    """Gives every request a timeout and its turn, and keeps its secrets out of urllib3's logs.

    :param timeout: connect and read timeout, in seconds.
    :param rate_limiter: spaces the requests out, where they count against Planet's limits.
    :param connections: registers every connection's socket.
    """

    def __init__(
        self, timeout: float, rate_limiter: RateLimiter | None, connections: ConnectionRegistry
    ) -> None:
        self._timeout = timeout
        self._rate_limiter = rate_limiter
        self._connections = connections
        super().__init__(pool_maxsize=_POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools, with connections that can be shut down."""
        super().init_poolmanager(*args, **kwargs)
        self._connections.watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of a proxy, with connections that can be shut down."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._connections.watch(manager)
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request when it is its turn."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        if is_loopback(request.url or ""):
            kwargs["proxies"] = {}  # it would be the proxy's own loopback
        if self._rate_limiter is not None:
            self._rate_limiter.wait()
        exchange.leaves(request.path_url)
        _this_thread.sends = True
        try:
            response = super().send(request, *args, **kwargs)
        finally:
            _this_thread.sends = False
        log.debug("%s %s: %d", request.method, safe_url(request.url or ""), response.status_code)
        if self._rate_limiter is not None:
            if response.status_code == 429:
                asked = parse_retry_after(response.headers.get("Retry-After"))
                self._rate_limiter.slow_down(min(asked or 0.0, LONGEST_WAIT))
            else:
                self._rate_limiter.recover()
        return response
