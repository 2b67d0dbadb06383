"""The HTTP session: the key bound to its origin, timeouts, pace and retries in place."""

from __future__ import annotations

import http.client
import platform
import re
import ssl
import threading
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.cookies import RequestsCookieJar
from requests.sessions import merge_hooks
from requests.structures import CaseInsensitiveDict

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport import addresses, redaction
from airflow_provider_planet_reports.client.transport.adapter import Adapter
from airflow_provider_planet_reports.client.transport.auth import (
    OriginAuth,
    checked_key,
    secret_forms,
)
from airflow_provider_planet_reports.client.transport.cancellation import ConnectionRegistry
from airflow_provider_planet_reports.client.transport.rate_limiter import RateLimiter
from airflow_provider_planet_reports.client.transport.retries import Retries, parse_retry_after
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

USER_AGENT = f"airflow-provider-planet-reports/{__version__} python/{platform.python_version()}"
#: An answer that is no file: a page of 1,000 reports is about 1 MB.
_ANSWER_LIMIT = 64 * 2**20
_QUERY_VALUE = re.compile(r"([?&][\w.%-]{1,100}=)[^\s&\"'<>]+")
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
#: What the libraries raise while a request is under way; a ValueError at odd headers.
_TROUBLE = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
#: Addresses that look like some, but can't be connected to.
_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    urllib3.exceptions.LocationValueError,
)
#: Errors with the server's own bytes in their text, or an address; both may hold a signature.
_QUOTING = (
    http.client.BadStatusLine,
    http.client.UnknownProtocol,
    urllib3.exceptions.InvalidChunkLength,
    ValueError,
)
_OF_THEIR_OWN_WORDS = (http.client.RemoteDisconnected, ssl.SSLError)


class _NoCookies(RequestsCookieJar):
    """Keeps nothing: nobody needs cookies here, and a jar is not safe to share by threads."""

    def extract_cookies(self, *_: Any) -> None:
        """Leave an answer's cookies where they are."""

    def add_cookie_header(self, *_: Any) -> None:
        """Add none to a request."""

    def copy(self) -> _NoCookies:
        """Return itself: redirected requests have a copy."""
        return self


class ReportsSession(requests.Session):
    """A session with the Reports API, to be shared by the threads of one task.

    Requests without side effects are repeated after 408, 425, 429, 500, 502, 503, 504 and
    broken connections, as ``Retry-After`` asks or with exponential backoff.

    :param api_key: the API key; sent to the origin of ``base_url`` only.
    :param base_url: address of the Reports API, without credentials; plain http only for
        loopback addresses; Planet's own by default.
    :param timeout: seconds without a byte before a connection counts as dead.
    :param max_retries: further tries per request.
    :param requests_per_second: ceiling on requests to the API; None for no ceiling.
    :raises InvalidInput: if one of them cannot be right.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 5,
        requests_per_second: float | None = None,
    ) -> None:
        super().__init__()
        self.base_url = addresses.base_url(base_url)
        self.max_redirects = 10
        self.auth = OriginAuth(checked_key(api_key), self.base_url)
        self.headers["User-Agent"] = USER_AGENT
        self.headers["X-Planet-App"] = "airflow-provider-planet-reports"
        # Compressed transport would change the files' bytes, sizes and digests on their way.
        self.headers["Accept-Encoding"] = "identity"
        self.cookies = _NoCookies()
        self._secrets = secret_forms(api_key)
        self._cancelled = threading.Event()
        self._max_retries = max_retries
        self._settings: dict[tuple[str, str, int | None], Any] = {}
        parts = urlsplit(self.base_url)
        self._connections = ConnectionRegistry()
        elsewhere = Adapter(timeout, None, self._connections)
        self.mount("https://", elsewhere)
        self.mount("http://", elsewhere)
        pace = RateLimiter(requests_per_second, wait=self.wait)
        self.mount(f"{parts.scheme}://{parts.netloc}/", Adapter(timeout, pace, self._connections))

    def __repr__(self) -> str:
        return f"<ReportsSession {self.base_url}>"

    def redact(self, text: str, url: str = "") -> str:
        """Return a server's words with all that may be secret blotted out.

        That is the API key in every form, and in addresses what their queries say.

        :param text: the words.
        :param url: an address whose secrets they may echo.
        """
        for secret in redaction.secrets_of(url):
            text = text.replace(secret, "***")
        return _QUERY_VALUE.sub(r"\1***", self.without_key(text))

    def without_key(self, text: str) -> str:
        """Return a text with every form of the API key blotted out."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def retries(self) -> Retries:
        """Return a fresh budget of tries for one piece of work."""
        return Retries(self._max_retries, wait=self.wait)

    def wait(self, seconds: float) -> bool:
        """Wait; all waiting of a session is done here.

        :param seconds: how long.
        :return: whether to give up instead of going on.
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
        return errors.TransportError(f"{what} was cancelled: the task was told to stop.")

    def request(  # type: ignore[override]
        self, method: str, url: str, *, stream: bool = False, **kwargs: Any
    ) -> requests.Response:
        """Send a request, as :meth:`requests.Session.request` does, and repeat it where it helps.

        :param method: HTTP method; only those without side effects are repeated.
        :param url: address.
        :param stream: whether to leave the body unread. A body that is read here is limited
            to 64 MiB, and its being cut short counts as a failed try.
        :return: the answer, whatever its status (a transient one only after all tries).
        :raises TransportError: if no complete answer came after all tries.
        :raises RefusedLink: if a redirect leads to an unencrypted address.
        """
        method = method.upper()
        what = f"{method} {redaction.safe_url(url)}"
        retries = self.retries() if method in _REPEATABLE else Retries(0, wait=self.wait)
        while True:
            outcome = self._attempt(what, method, url, stream=stream, **kwargs)
            if isinstance(outcome, requests.Response):
                if outcome.status_code not in errors.TRANSIENT_STATUSES:
                    return outcome
                trouble = f"{what} answered {outcome.status_code}"
                asked = parse_retry_after(outcome.headers.get("Retry-After"))
                if self.cancelled or not retries.wait(trouble, asked=asked):
                    return outcome
                outcome.close()
            elif (
                outcome.final
                or isinstance(outcome, (errors.ResponseTooLarge, errors.TooManyRedirects))
                or self.cancelled
                or not retries.wait(str(outcome).rstrip("."))
            ):
                raise outcome

    def _attempt(
        self, what: str, method: str, url: str, *, stream: bool, **kwargs: Any
    ) -> requests.Response | PlanetReportsError:
        """Send once, and return the answer or what went wrong.

        A failure is not raised: the exception behind it holds the whole address, signatures
        included, and must not come along as ``__context__``.
        """
        try:
            response = super().request(method, url, stream=True, **kwargs)
        except PlanetReportsError as error:
            return error
        except (requests.RequestException, ValueError) as error:  # it was not even sent
            why = self.redact(cause(error), url)
            return InvalidInput(f"{what} cannot be sent: {why}.")
        if stream:
            return response
        try:
            _load(response, what)
        except PlanetReportsError as error:
            return error
        except _TROUBLE as error:
            response.close()
            return self.translate_error(what, error, url)
        # Being hung up looks like the end of a body that did not announce any.
        return self.cancelled_error(what) or response

    def get_adapter(self, url: str) -> BaseAdapter:
        """Return what sends a request: with the API's pace to its origin, however that is spelt."""
        here = addresses.origin(url) == addresses.origin(self.base_url)
        return super().get_adapter(self.base_url if here else url)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request as :meth:`requests.Session.prepare_request` does.

        That merges each setting with the session's in a way that takes a sixth of the time of a
        small file on Python 3.11.

        :param request: the request.
        """
        if self.params or request.cookies:
            return super().prepare_request(request)
        headers = CaseInsensitiveDict({**self.headers, **request.headers})
        prepared = requests.PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=request.url,
            headers=headers,
            files=request.files,
            data=request.data,
            json=request.json,
            params=request.params or "",  # which is not looked at any further
            cookies=self.cookies,
            auth=request.auth or self.auth,
            hooks=merge_hooks(request.hooks, self.hooks),  # type: ignore[no-untyped-call]
        )
        return prepared

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a prepared request, as :meth:`requests.Session.send` does.

        From here on it is the server whom errors are about, whatever the libraries call them.

        :param request: the request; redirects come through here, too.
        :raises PlanetReportsError: if there is no answer, or one that can't be understood.
        """
        url = request.url or ""
        what = f"{request.method} {redaction.safe_url(url)}"
        try:
            return super().send(request, **kwargs)
        except PlanetReportsError:
            raise
        except _TROUBLE as error:
            trouble = self.translate_error(what, error, url)
        raise trouble

    def translate_error(self, what: str, error: Exception, url: str) -> PlanetReportsError:
        """Return the error to raise for one of the libraries' own, without secrets.

        :param what: the request, fit for logs.
        :param error: what the libraries raised while the request was under way.
        :param url: the request's address.
        """
        if cancelled := self.cancelled_error(what):
            return cancelled
        if isinstance(error, requests.TooManyRedirects):
            return errors.TooManyRedirects(f"{what} was redirected more than 10 times.")
        why = self.redact(cause(error), url)
        if isinstance(error, _NO_ADDRESS):
            return InvalidInput(f"{what} cannot be sent: {why}.")
        if isinstance(error, ValueError):
            return errors.InvalidResponse(f"{what}: the answer makes no sense: {why}.")
        return errors.TransportError(f"{what} failed: {why}.")

    def raise_for_status(self, response: requests.Response) -> None:
        """Raise the error that the answer's status stands for; see :mod:`.errors`."""
        errors.raise_for_status(
            response,
            describe=f"{response.request.method} {redaction.safe_url(response.url)}",
            redact=lambda text: self.redact(text, response.url),
            retry_after=parse_retry_after(response.headers.get("Retry-After")),
        )

    def rebuild_auth(
        self,
        prepared_request: requests.PreparedRequest,
        response: requests.Response,  # noqa: ARG002 - the signature is requests'
    ) -> None:
        """Decide about the key at every redirect by the origin alone."""
        if callable(self.auth):
            self.auth(prepared_request)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a redirect leads, checked, with the query it may have dropped.

        A server that only adds or removes the path's last slash may forget the query; without
        it a filtered listing would silently become an unfiltered one. A redirect's body, which
        may be endless, is not read.
        """
        if not resp.is_redirect:
            return None
        resp.close()
        resp._content, resp._content_consumed = b"", True  # type: ignore[attr-defined]
        try:
            location = super().get_redirect_target(resp) or ""
            here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, location))
        except ValueError:
            there = None
        where = redaction.safe_url(resp.url)
        if there is None:
            raise errors.RefusedLink(f"{where} redirects to what is not an address.")
        if self.without_key(location) != location:
            raise errors.RefusedLink(f"{where} redirects to an address with the API key in it.")
        same_place = here.path.rstrip("/") == there.path.rstrip("/")
        if same_place and here.netloc == there.netloc and not there.query:
            there = there._replace(query=here.query)
        return addresses.check_link(urlunsplit(there), came_from=resp.url)

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Look up proxies and certificates once per origin: it costs a third of a small request."""
        if proxies or verify is not None or cert is not None:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        where = addresses.origin(url)
        if where not in self._settings:
            self._settings[where] = super().merge_environment_settings(url, {}, None, None, None)
        return {**self._settings[where], "stream": stream}


def cause(error: BaseException) -> str:
    """Return what broke a connection, without the address that the libraries put around it."""
    inner: Any = error
    while not isinstance(inner, urllib3.exceptions.ReadTimeoutError):
        causes = (getattr(inner, "reason", None), *inner.args)
        following = next((each for each in causes if isinstance(each, Exception)), None)
        if following is None:
            break
        inner = following
    connected = not isinstance(inner, urllib3.exceptions.NewConnectionError)
    if connected and isinstance(inner, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return "the server sent nothing in time"
    name, text = type(inner).__name__, str(inner).rpartition("): ")[2]
    if isinstance(inner, _QUOTING) and not isinstance(inner, _OF_THEIR_OWN_WORDS):
        return name
    if text.startswith(name):
        return text
    return f"{name} ({text})" if text and "://" not in text and "URL" not in text else name


def _load(response: requests.Response, what: str) -> None:
    """Read a body as ``Response.content`` does, but never more than the limit."""
    body = bytearray()
    for chunk in response.iter_content(2**16):
        body += chunk
        if len(body) > _ANSWER_LIMIT:
            response.close()
            raise errors.ResponseTooLarge(f"{what} sent more than {_ANSWER_LIMIT >> 20} MiB.")
    response._content = bytes(body)
