"""The HTTP session: credentials bound to their origin, timeouts, rate limit and retries."""

from __future__ import annotations

import contextlib
import math
import os
import platform
import threading
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.errors import error_of
from airflow_provider_planet_reports.client.transport import addresses
from airflow_provider_planet_reports.client.transport.auth import Credentials, api_key
from airflow_provider_planet_reports.client.transport.connections import Adapter, exchange
from airflow_provider_planet_reports.client.transport.failures import FAILURES, translate_error
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.redaction import Redactor, safe_url
from airflow_provider_planet_reports.client.transport.retries import Retries
from airflow_provider_planet_reports.errors import PlanetReportsError

USER_AGENT = f"airflow-provider-planet-reports/{__version__} python/{platform.python_version()}"
#: An answer that is no file: a page of 1,000 reports is about 1 MB.
_ANSWER_LIMIT = 64 * 2**20
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
#: Errors of one try after which another one is of no use.
_NOT_REPEATED = (errors.InvalidResponse, errors.DeadlineExceeded)


class ReportsSession(requests.Session):
    """A session with the Reports API, to be shared by the threads of one task.

    Requests without side effects are repeated after 408, 425, 429, 5xx and broken connections, as
    ``Retry-After`` asks or with exponential backoff.

    :param credentials: an API key, or other :class:`.Credentials`; sent to the origin of
        ``base_url`` only.
    :param base_url: address of the Reports API, without credentials; plain http only for
        loopback addresses; Planet's own by default.
    :param timeout: connect and read timeout in seconds.
    :param deadline: seconds for an answer that is read whole, headers included.
    :param max_retries: further tries per request.
    :param requests_per_second: ceiling on requests to the API; None for no ceiling.
    :param verify: whether to verify certificates, or a file with the CAs to trust.
    :raises InvalidInput: if one of them cannot be right.
    """

    def __init__(
        self,
        credentials: Credentials | str,
        base_url: str | None = None,
        *,
        timeout: float = 60.0,
        deadline: float = 300.0,
        max_retries: int = 5,
        requests_per_second: float | None = None,
        verify: bool | str = True,
    ) -> None:
        super().__init__()
        self.base_url = addresses.base_url(base_url)
        if not isinstance(credentials, Credentials):
            credentials = api_key(credentials)
        self.credentials = credentials
        self.redact = Redactor(lambda: credentials.secrets)
        # The adapter looks up proxies; nobody may take a .netrc for the API key.
        self.trust_env = False
        # The connection's own setting counts more than the environment's.
        bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        self.verify = bundle if verify is True else verify
        self.max_redirects = 10
        self.headers["User-Agent"] = USER_AGENT
        self.headers["X-Planet-App"] = "airflow-provider-planet-reports"
        # Compressed transport would change the files' bytes, sizes and digests on their way.
        self.headers["Accept-Encoding"] = "identity"
        self._cancelled = threading.Event()
        self._max_retries = max_retries
        self._deadline = deadline
        limiter = RateLimiter(requests_per_second, wait=self.wait)
        self._adapter = Adapter(self.base_url, timeout, limiter)
        self.mount("https://", self._adapter)
        self.mount("http://", self._adapter)

    def retries(self) -> Retries:
        """Return a fresh budget of tries for one piece of work."""
        return Retries(self._max_retries, wait=self.wait)

    def wait(self, seconds: float) -> bool:
        """Wait; all waiting of a session is done here.

        :param seconds: how long.
        :return: whether the session was cancelled meanwhile.
        """
        return self._cancelled.wait(seconds)

    def cancel(self) -> None:
        """Have all threads fail at once that wait for a server, another try or their turn.

        For the end of a task; every request fails from then on.
        """
        self._cancelled.set()
        self._adapter.shutdown_all()

    @property
    def cancelled(self) -> bool:
        """Whether the task was told to stop."""
        return self._cancelled.is_set()

    def cancelled_error(self, what: str) -> errors.TransportError | None:
        """Return the error of a request that ended because the task was told to stop, if it was."""
        if not self.cancelled:
            return None
        return errors.TransportError(f"Request cancelled: the task was told to stop. {what}")

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request, which may be one of several redirected ones.

        The credentials go to the API's own origin, and to no other.
        """
        request.headers.pop("Authorization", None)
        if addresses.origin(request.url or "") == addresses.origin(self.base_url):
            self.credentials.renew(self.wait)
            request.headers["Authorization"] = self.credentials.header
        return super().send(request, **kwargs)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a redirect leads, checked, with the query it may have dropped.

        A server that only adds or removes the path's last slash may forget the query; without
        it a filtered listing would silently become an unfiltered one.
        """
        location = None
        with contextlib.suppress(ValueError):  # bytes that are no text lead nowhere
            location = super().get_redirect_target(resp)
        if location is None:
            return None
        try:
            if self.redact.echoes(location):
                raise errors.RefusedLink(
                    "A redirect has the API key in its address: check the connection's host, and "
                    f"any proxy. GET {safe_url(resp.url)}"
                )
            target = addresses.check_link(location, came_from=resp.url)
        except errors.RefusedLink:
            resp.close()
            raise
        here, there = urlsplit(resp.url), urlsplit(target)
        same_place = here.path.rstrip("/") == there.path.rstrip("/")
        if same_place and here.netloc == there.netloc and not there.query:
            there = there._replace(query=here.query)
        exchange.address = urlunsplit(there)
        return exchange.address

    def request(  # type: ignore[override]
        self, method: str, url: str, *args: Any, **kwargs: Any
    ) -> requests.Response:
        """Send a request, as :meth:`requests.Session.request` does, and repeat it where it helps.

        :param method: HTTP method; only those without side effects are repeated.
        :param url: address.
        :param args: as of :meth:`requests.Session.request`.
        :param kwargs: the same. Unless ``stream`` is true, the body is read here: it is limited to
            64 MiB and by the deadline, and its being cut short counts as a failed try.
        :return: the answer, whatever its status (a transient one only after all tries).
        :raises TransportError: if no complete answer came after all tries.
        :raises RefusedLink: if a redirect leads to an unencrypted address.
        """
        method = method.upper()
        what = f"{method} {safe_url(url)}"
        retries = self.retries() if method in _REPEATABLE else Retries(0, wait=self.wait)
        while True:
            outcome = self._attempt(what, method, url, *args, **kwargs)
            error = outcome if isinstance(outcome, Exception) else error_of(outcome, self.redact)
            if error is None or error.final or isinstance(error, _NOT_REPEATED) or self.cancelled:
                break
            if not retries.wait(str(error), asked=getattr(error, "retry_after", None)):
                break
        if isinstance(outcome, PlanetReportsError):
            raise outcome
        return outcome

    def _attempt(
        self, what: str, method: str, url: str, *args: Any, **kwargs: Any
    ) -> requests.Response | PlanetReportsError:
        """Send once, and return the answer or what went wrong."""
        outcome: requests.Response | PlanetReportsError
        streamed = kwargs.pop("stream", False)
        exchange.begin(url, math.inf if streamed else self._deadline)
        try:
            outcome = super().request(method, url, *args, **{**kwargs, "stream": True})
            if outcome.status_code == 401:
                self.credentials.forget()
            if streamed and not outcome.ok:  # what is said about a refused download is read whole
                exchange.begin(outcome.url, self._deadline)
            if not (streamed and outcome.ok):
                self._read(outcome, what)
        except PlanetReportsError as error:
            outcome = error
        except FAILURES as error:
            outcome = translate_error(error, what, self.redact)
        finally:
            exchange.end()
        # Being shut down looks like the end of a body that did not announce any.
        return self.cancelled_error(what) or outcome

    def _read(self, response: requests.Response, what: str) -> None:
        """Read a body as ``Response.content`` does, but never more than a limit."""
        limit = _ANSWER_LIMIT if response.ok else errors.ERROR_LIMIT
        body = response.raw.read(limit + 1, decode_content=True)
        if len(body) > limit:
            response.close()
            if response.ok:
                raise errors.InvalidResponse(
                    f"Answer of more than {limit >> 20} MiB: check the connection's host. {what}"
                )
        response._content, response._content_consumed = body[:limit], True  # type: ignore[attr-defined]

    def raise_for_status(self, response: requests.Response) -> None:
        """Raise the error that the answer's status stands for; see :mod:`.errors`."""
        if (error := error_of(response, self.redact)) is not None:
            raise error
