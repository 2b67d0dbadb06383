"""The HTTP session: credentials bound to their origin, timeouts, rate limit and retries."""

from __future__ import annotations

import inspect
import platform
import threading
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import select_proxy

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport import addresses
from airflow_provider_planet_reports.client.transport.adapter import Adapter
from airflow_provider_planet_reports.client.transport.auth import ApiKey, Credentials, OriginAuth
from airflow_provider_planet_reports.client.transport.connections import ConnectionRegistry
from airflow_provider_planet_reports.client.transport.failures import FAILURES, translate_error
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.redaction import Redactor, safe_url
from airflow_provider_planet_reports.client.transport.retries import Retries, parse_retry_after
from airflow_provider_planet_reports.client.transport.routing import RoutedSession
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

USER_AGENT = f"airflow-provider-planet-reports/{__version__} python/{platform.python_version()}"
#: An answer that is no file: a page of 1,000 reports is about 1 MB.
_ANSWER_LIMIT = 64 * 2**20
#: What is read of the body of an error.
_ERROR_LIMIT = 64 * 2**10
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_REQUEST = inspect.signature(requests.Session.request)
#: Errors of one try after which another one is of no use.
_NOT_REPEATED = (errors.ResponseTooLarge, errors.TooManyRedirects, errors.DeadlineExceeded)


class ReportsSession(RoutedSession):
    """A session with the Reports API, to be shared by the threads of one task.

    Requests without side effects are repeated after 408, 425, 429, 500, 502, 503, 504, 520 to
    530 and broken connections, as ``Retry-After`` asks or with exponential backoff.

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
            credentials = ApiKey(credentials)
        self.credentials = credentials
        self.redact = Redactor(credentials.secrets)
        self.auth = OriginAuth(self.credentials, self.base_url)
        self.verify = verify
        self.max_redirects = 10
        self.headers["User-Agent"] = USER_AGENT
        self.headers["X-Planet-App"] = "airflow-provider-planet-reports"
        # Compressed transport would change the files' bytes, sizes and digests on their way.
        self.headers["Accept-Encoding"] = "identity"
        # Nobody needs cookies here, and no thread is to find another one's.
        self.cookies = RequestsCookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
        self._cancelled = threading.Event()
        self._max_retries = max_retries
        self._deadline = deadline
        parts = urlsplit(self.base_url)
        self._connections = ConnectionRegistry()
        elsewhere = Adapter(timeout, None, self._connections)
        self.mount("https://", elsewhere)
        self.mount("http://", elsewhere)
        limiter = RateLimiter(requests_per_second, wait=self.wait)
        api = Adapter(timeout, limiter, self._connections)
        self.mount(f"{parts.scheme}://{parts.netloc}/", api)

    def __repr__(self) -> str:
        return f"<ReportsSession {self.base_url}>"

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
        self._connections.shutdown_all()

    @property
    def cancelled(self) -> bool:
        """Whether the task was told to stop."""
        return self._cancelled.is_set()

    def cancelled_error(self, what: str) -> errors.TransportError | None:
        """Return the error of a request that ended because the task was told to stop, if it was."""
        if not self.cancelled:
            return None
        return errors.TransportError(f"Request cancelled: the task was told to stop. {what}")

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
        given = dict(_REQUEST.bind(self, method, url, *args, **kwargs).arguments)
        del given["self"]
        what = f"{method} {safe_url(url)}"
        retries = self.retries() if method in _REPEATABLE else Retries(0, wait=self.wait)
        while True:
            outcome = self._attempt(what, given)
            if isinstance(outcome, requests.Response):
                if outcome.status_code == 401:
                    self.credentials.forget()
                if not errors.is_transient(outcome):
                    return outcome
                trouble = f"{what} answered {outcome.status_code}"
                asked = parse_retry_after(outcome.headers.get("Retry-After"))
                if self.cancelled or not retries.wait(trouble, asked=asked):
                    return outcome
                outcome.close()
            elif outcome.final or isinstance(outcome, _NOT_REPEATED) or self.cancelled:
                raise outcome
            else:
                asked = getattr(outcome, "retry_after", None)
                if not retries.wait(str(outcome), asked=asked):
                    raise outcome

    def _attempt(
        self, what: str, given: Mapping[str, Any]
    ) -> requests.Response | PlanetReportsError:
        """Send once, and return the answer or what went wrong."""
        streamed = bool(given.get("stream"))
        with self._connections.exchange(self._deadline, headers_too=not streamed) as exchange:
            outcome = self._sent(what, given)
            if isinstance(outcome, requests.Response):
                failed = outcome.status_code >= 400
                if streamed and not failed:
                    return outcome
                exchange.begin()  # what a refusal says is read whole, too
                outcome = self._loaded(what, outcome, _ERROR_LIMIT if streamed else _ANSWER_LIMIT)
        if exchange.expired and not self.cancelled:
            outcome = errors.DeadlineExceeded(
                f"No complete answer within {self._deadline:g} s: a later try may succeed, or set "
                f"deadline in the connection's extra. {what}"
            )
        # Being shut down looks like the end of a body that did not announce any.
        return self.cancelled_error(what) or outcome

    def _sent(self, what: str, given: Mapping[str, Any]) -> requests.Response | PlanetReportsError:
        try:
            self.credentials.renew(self.wait)
            # The body is read by _loaded.
            return super().request(**{**given, "stream": True})
        except PlanetReportsError as error:
            return error
        except (requests.RequestException, ValueError) as error:  # it was not even sent
            why = type(error).__name__
        return InvalidInput(f"The request cannot be sent ({why}): check the address. {what}")

    def _loaded(
        self, what: str, response: requests.Response, limit: int
    ) -> requests.Response | PlanetReportsError:
        """Read a body as ``Response.content`` does, but never more than a limit."""
        body = bytearray()
        try:
            for chunk in response.iter_content(2**16):
                body += chunk
                if len(body) > limit:
                    break
        except FAILURES as error:
            response.close()
            return self.translate_error(what, error, response.url)
        if len(body) > limit:
            response.close()
            if response.status_code < 400:
                return errors.ResponseTooLarge(
                    f"Answer of more than {limit >> 20} MiB: check the connection's host. {what}"
                )
        response._content = bytes(body[:limit])
        return response

    def get_adapter(self, url: str) -> BaseAdapter:
        """Return what sends a request: rate-limited to the API's origin, however that is spelt."""
        here = addresses.origin(url) == addresses.origin(self.base_url)
        return super().get_adapter(self.base_url if here else url)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a prepared request, as :meth:`requests.Session.send` does.

        From here on it is the server whom errors are about, whatever the libraries call them.

        :param request: the request; redirects come through here, too.
        :raises PlanetReportsError: if there is no answer, or one that can't be understood.
        """
        url = request.url or ""
        if addresses.is_loopback(url):
            kwargs["proxies"] = {}  # it would be the proxy's own loopback
        try:
            return super().send(request, **kwargs)
        except PlanetReportsError:
            raise
        except FAILURES as error:
            proxy = select_proxy(url, kwargs.get("proxies"))
            failure = self.translate_error(f"{request.method} {safe_url(url)}", error, url, proxy)
        raise failure

    def translate_error(
        self, what: str, error: Exception, url: str, proxy: str | None = None
    ) -> PlanetReportsError:
        """Return the error to raise for one of the libraries' own; see :mod:`.failures`.

        :param what: the request, fit for logs.
        :param error: what the libraries raised while the request was under way.
        :param url: the request's address.
        :param proxy: the proxy that the request went through, if any.
        """
        return self.cancelled_error(what) or translate_error(
            error, what, lambda text: self.redact(text, url), proxy
        )

    def raise_for_status(self, response: requests.Response) -> None:
        """Raise the error that the answer's status stands for; see :mod:`.errors`."""
        errors.raise_for_status(
            response,
            what=f"{response.request.method} {safe_url(response.url)}",
            redact=lambda text: self.redact(text, response.url),
            retry_after=parse_retry_after(response.headers.get("Retry-After")),
        )
