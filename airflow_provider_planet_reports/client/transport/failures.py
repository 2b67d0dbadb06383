"""Translating what the libraries raise into errors of ours: the one place that does."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import requests
import urllib3

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.connections import exchange
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

#: What the libraries raise while a request is under way; a ValueError at odd headers.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
#: Addresses that look like some, but can't be connected to.
_NO_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.LocationValueError,
)


def translate_error(
    error: Exception, what: str, redact: Callable[[str, str], str]
) -> PlanetReportsError:
    """Return the error to raise for one of the libraries' own, without secrets.

    It is returned, not raised: the libraries' error holds the whole address, signatures included,
    and must not come along as ``__context__``.

    :param error: what the libraries raised while this thread was about a request.
    :param what: the request, fit for logs.
    :param redact: removes secrets, an address' own included.
    """
    if exchange.expired:
        return errors.DeadlineExceeded(
            f"No complete answer within {exchange.seconds:g} s: a later try may succeed, or set "
            f"deadline in the connection's extra. {what}"
        )
    why, proxy = redact(cause(error), exchange.address), exchange.proxy
    inner = _innermost(error)
    if isinstance(error, requests.TooManyRedirects):
        return errors.InvalidResponse(
            f"Redirected more than 10 times: check the connection's host, and any proxy. {what}"
        )
    if proxy is not None and isinstance(error, (requests.exceptions.ProxyError, *_NO_ADDRESS)):
        advice = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the worker's environment"
        if "SOCKS" in str(error):
            advice = "for SOCKS, pip install 'requests[socks]' on the workers"
        said = f"Proxy {safe_url(proxy)} failed ({why}): {advice}. {what}"
        dead = isinstance(error, requests.exceptions.ProxyError)
        return errors.TransportError(said) if dead else InvalidInput(said)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return errors.UntrustedCertificate(
            f"The server's certificate is not trusted ({inner.verify_message}): set verify in the "
            f"connection's extra, or REQUESTS_CA_BUNDLE, to a file with your CA. {what}"
        )
    if isinstance(error, _NO_ADDRESS):
        return InvalidInput(f"The request cannot be sent ({why}): check the address. {what}")
    return errors.TransportError(f"No complete answer: {why}. A later try may succeed. {what}")


def _innermost(error: BaseException) -> BaseException:
    """Return what broke a connection, of the errors that the libraries put around it."""
    inner: Any = error
    while not isinstance(inner, urllib3.exceptions.ReadTimeoutError):
        causes = (getattr(inner, "reason", None), *inner.args, inner.__cause__)
        following = next((each for each in causes if isinstance(each, Exception)), None)
        if following is None:
            break
        inner = following
    return inner  # type: ignore[no-any-return]


def cause(error: BaseException) -> str:
    """Return what broke a connection, without the address; secrets may be left."""
    inner = _innermost(error)
    if isinstance(inner, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return "the server sent nothing in time"
    # The system's own words say the reason. Others quote the address, or bytes of the server.
    if isinstance(inner, OSError) and not isinstance(inner, requests.RequestException):
        return inner.strerror or str(inner)
    return type(inner).__name__
