"""What every request goes through, redirected ones included."""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_planet_reports.client.transport import redaction
from airflow_provider_planet_reports.client.transport.cancellation import ConnectionRegistry
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.retries import (
    LONGEST_RETRY_AFTER,
    parse_retry_after,
)

#: Threads that may share one session without connections being thrown away.
_POOL_SIZE = 64


class Adapter(HTTPAdapter):
    """Gives every request a timeout and its turn, and keeps its secrets out of urllib3's logs.

    :param timeout: seconds without a byte before a connection counts as dead.
    :param pace: spaces the requests out, where they count against Planet's limits.
    :param connections: registers every connection's socket.
    """

    def __init__(
        self, timeout: float, pace: RateLimiter | None, connections: ConnectionRegistry
    ) -> None:
        self._timeout = timeout
        self._pace = pace
        self._connections = connections
        redaction.install_log_filter()
        super().__init__(pool_maxsize=_POOL_SIZE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools, with connections that can be hung up."""
        super().init_poolmanager(*args, **kwargs)
        self._connections.watch(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Return the pools of a proxy, with connections that can be hung up."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        self._connections.watch(manager)
        return manager

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request when it is its turn."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        if self._pace is not None:
            self._pace.wait()
        if self._connections.is_shut_down:
            raise requests.ConnectionError("all connections were hung up")
        with redaction.urllib3_logs_redacted():
            response = super().send(request, *args, **kwargs)
        if self._pace is not None:
            if response.status_code == 429:
                asked = parse_retry_after(response.headers.get("Retry-After")) or 0.0
                self._pace.slow_down(min(asked, LONGEST_RETRY_AFTER))
            else:
                self._pace.recover()
        return response
