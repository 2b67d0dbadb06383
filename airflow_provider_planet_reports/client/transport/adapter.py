"""What every request goes through, redirected ones included."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_planet_reports.client.transport.connections import ConnectionRegistry
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.redaction import urllib3_logs
from airflow_provider_planet_reports.client.transport.retries import LONGEST_WAIT, parse_retry_after

#: Threads that may share one session without connections being thrown away.
_POOL_SIZE = 64


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
        if self._rate_limiter is not None:
            self._rate_limiter.wait()
        if self._connections.is_shut_down:
            raise requests.ConnectionError("all connections were shut down")
        self._connections.leaving(request.path_url)
        with urllib3_logs.active():
            response = super().send(request, *args, **kwargs)
        if self._rate_limiter is not None:
            if response.status_code == 429:
                asked = parse_retry_after(response.headers.get("Retry-After"))
                self._rate_limiter.slow_down(min(asked or 0.0, LONGEST_WAIT))
            else:
                self._rate_limiter.recover()
        return response
