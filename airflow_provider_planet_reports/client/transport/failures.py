"""Translating what the libraries raise into errors of ours: the one place that does."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable
from typing import Any

import requests
import urllib3

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

#: What the libraries raise while a request is under way; a ValueError at odd headers.
FAILURES = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)
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


def translate_error(
    error: Exception, what: str, redact: Callable[[str], str], proxy: str | None = None
) -> PlanetReportsError:
    """Return the error to raise for one of the libraries' own, without secrets.

    It is returned, not raised: the libraries' error holds the whole address, signatures included,
    and must not come along as ``__context__``.

    :param error: what the libraries raised while the request was under way.
    :param what: the request, fit for logs.
    :param redact: removes secrets.
    :param proxy: the proxy that the request went through, if any.
    """
    inner = _innermost(error)
    why = redact(cause(error))
    if isinstance(error, requests.TooManyRedirects):
        return errors.TooManyRedirects(
            f"Redirected more than 10 times: check the connection's host, and any proxy. {what}"
        )
    if proxy is not None and isinstance(error, (requests.exceptions.ProxyError, *_NO_ADDRESS)):
        return _proxy_error(error, why, what, safe_url(proxy))
    if isinstance(inner, ssl.SSLCertVerificationError):
        return errors.UntrustedCertificate(
            f"The server's certificate is not trusted ({inner.verify_message}): set verify in the "
            f"connection's extra, or REQUESTS_CA_BUNDLE, to a file with your CA. {what}"
        )
    if isinstance(error, _NO_ADDRESS):
        return InvalidInput(f"The request cannot be sent ({why}): check the address. {what}")
    if isinstance(error, ValueError):
        return errors.InvalidResponse(
            f"The answer makes no sense ({why}): check the connection's host, and any proxy. {what}"
        )
    return errors.TransportError(f"No complete answer: {why}. A later try may succeed. {what}")


def _proxy_error(error: Exception, why: str, what: str, proxy: str) -> PlanetReportsError:
    advice = "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the worker's environment"
    if isinstance(error, requests.exceptions.ProxyError):
        return errors.ProxyError(f"Proxy {proxy} failed ({why}): {advice}. {what}")
    if isinstance(error, requests.exceptions.InvalidSchema) and "SOCKS" in str(error):
        return InvalidInput(
            f"Proxy {proxy} needs SOCKS support: pip install 'requests[socks]' on the workers. "
            f"{what}"
        )
    return InvalidInput(f"Proxy address {proxy!r} is not valid: {advice}. {what}")


def _innermost(error: BaseException) -> Any:
    """Return what broke a connection, of the errors that the libraries put around it."""
    inner: Any = error
    while not isinstance(inner, urllib3.exceptions.ReadTimeoutError):
        causes = (getattr(inner, "reason", None), *inner.args)
        following = next((each for each in causes if isinstance(each, Exception)), None)
        if following is None:
            break
        inner = following
    return inner


def cause(error: BaseException) -> str:
    """Return what broke a connection, without the address; secrets may be left."""
    inner = _innermost(error)
    connected = not isinstance(inner, urllib3.exceptions.NewConnectionError)
    if connected and isinstance(inner, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return "the server sent nothing in time"
    name, text = type(inner).__name__, str(inner).rpartition("): ")[2]
    if isinstance(inner, _QUOTING) and not isinstance(inner, _OF_THEIR_OWN_WORDS):
        return name
    if text.startswith(name):
        return text
    return f"{name} ({text})" if text and "://" not in text and "URL" not in text else name
