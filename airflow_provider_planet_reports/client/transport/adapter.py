"""What every request goes through, redirected ones included."""

from __future__ import annotations

import logging
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from airflow_provider_planet_reports.client.transport.addresses import is_loopback, origin
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


def _is_of_others(_: logging.LogRecord) -> bool:
    return not exchange.address


# urllib3 logs addresses with their signatures, and headers that it cannot parse. What others in
# the process send stays in the logs.
for _name in ("urllib3.connection", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_is_of_others)


class Adapter(HTTPAdapter):
    """Gives every request a timeout and its turn, and keeps its secrets out of urllib3's logs.

    :param base_url: address of the API; requests to its origin count against Planet's limits.
    :param timeout: connect and read timeout, in seconds.
    :param rate_limiter: spaces those requests out.
    """

    def __init__(self, base_url: str, timeout: float, rate_limiter: RateLimiter) -> None:
        super().__init__(pool_maxsize=_POOL_SIZE)
        #: Knows every connection's socket.
        self.connections = ConnectionRegistry()
        self._origin = origin(base_url)
        self._timeout = timeout
        self._rate_limiter = rate_limiter

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return the pool for a request, with connections that can be shut down."""
        pool = super().get_connection_with_tls_context(*args, **kwargs)
        self.connections.watch(pool)
        return pool

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request when it is its turn."""
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        url = request.url or ""
        if is_loopback(url):
            kwargs["proxies"] = {}  # it would be the proxy's own loopback
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
