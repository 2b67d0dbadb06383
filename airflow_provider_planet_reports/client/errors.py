"""What can go wrong between us and the Reports API, told apart by what the caller should do.

A message is one line: what is wrong, what to do, and then the request.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from airflow_provider_planet_reports.client.transport.redaction import one_line, safe_url
from airflow_provider_planet_reports.client.transport.retries import parse_retry_after
from airflow_provider_planet_reports.errors import PlanetReportsError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

_MESSAGE_LIMIT = 500
#: What is read of the body of an error; of one that is longer, nothing is quoted: where it was
#: cut, half of a secret may be left.
ERROR_LIMIT = 64 * 1024


class ClientError(PlanetReportsError):
    """Base of the client's own errors: one line, without control characters.

    :param message: what is wrong, what to do, and the request.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InvalidResponse(ClientError):
    """The server answered, but not with what the Reports API is known to answer."""


class RefusedLink(ClientError):
    """The server pointed to an address that must not be followed."""

    final = True


class TransportError(ClientError):
    """No complete answer: refused, reset, cut short or timed out, also after all retries."""


class DeadlineExceeded(TransportError):
    """An answer that is read whole took longer than the deadline; it is not asked for again."""


class UntrustedCertificate(TransportError):
    """The server's certificate is of an authority that is not known here."""

    final = True


class HTTPError(ClientError):
    """An answer with an error status.

    :param message: what is wrong, what to do, and the request.
    :param status: the HTTP status.
    :param retry_after: seconds that the server asked to wait, where it did.
    """

    # Errors travel between processes with their message alone; the rest comes by __dict__.
    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class TransientError(HTTPError):
    """An answer worth another try, later: 408, 425, 429, 5xx, or the page of a firewall."""


class Refused(HTTPError):
    """A 4xx answer: the same request would be refused again."""

    final = True


class BadRequest(Refused):
    """400, 413 or 422: the server does not accept one of the filters, or so large a page."""


class InvalidAPIKey(Refused):
    """401: the API key, or the token, is not valid."""


class NotFound(Refused):
    """404: there is nothing at that address, or no report of that id."""


#: The error, what is wrong, and what to do.
_Meaning = tuple[type[HTTPError], str, str]
_BAD_REQUEST = (
    BadRequest, "Bad request", "check the filters; the server does not accept one of them"
)  # fmt: skip
_REFUSED = (Refused, "Request refused", "the request itself has to change")
_BLOCKED = (
    TransientError,
    "Blocked by a firewall or proxy",
    "the answer is an HTML page, not Planet's; ask who runs the network",
)
_SERVER_ERROR = (
    TransientError, "Server error", "the problem is at the server; a later try may succeed"
)  # fmt: skip
_MEANINGS: dict[int, _Meaning] = {
    400: _BAD_REQUEST,
    401: (
        InvalidAPIKey,
        "API key or token rejected",
        "check the connection's password (or login); a key that was reset in the Planet account "
        "is rejected from then on",
    ),
    403: (Refused, "Forbidden", "use an organization administrator's key and org_id"),
    404: (NotFound, "Not found", "check the connection's host, the path and the id"),
    408: _SERVER_ERROR,
    410: (Refused, "No longer available", "list the reports again; this one was removed"),
    413: _BAD_REQUEST,
    422: _BAD_REQUEST,
    425: _SERVER_ERROR,
    429: (
        TransientError,
        "Too many requests",
        "run fewer tasks at a time, or set requests_per_second in the connection's extra",
    ),
}


def _meaning(response: requests.Response) -> _Meaning:
    kind = response.headers.get("Content-Type", "").strip().lower()
    if response.status_code == 403 and kind.startswith("text/html"):  # the API writes no HTML
        return _BLOCKED
    in_general = _SERVER_ERROR if response.status_code >= 500 else _REFUSED
    return _MEANINGS.get(response.status_code, in_general)


def error_of(
    response: requests.Response, redact: Callable[[str, str], str]
) -> HTTPError | InvalidResponse | None:
    """Return the error that an answer's status stands for; None for a success.

    :param response: the answer.
    :param redact: removes the secrets that the server's words may echo, an address' own included.
    """
    status = response.status_code
    if 200 <= status < 300:
        return None
    what = f"{response.request.method} {safe_url(response.url)}"
    said = _server_message(response, redact)[:_MESSAGE_LIMIT]
    tail = f" The server says {said!r}. {what}" if said else f" {what}"
    if status < 400:
        return InvalidResponse(
            f"A redirect ({status}) has no usable Location: check any proxy in between.{tail}"
        )
    kind, problem, advice = _meaning(response)
    asked = parse_retry_after(response.headers.get("Retry-After"))
    wait = "" if asked is None else f" The server asks to wait {asked:.0f} s."
    return kind(f"{problem} ({status}): {advice}.{wait}{tail}", status, asked)


def _server_message(response: requests.Response, redact: Callable[[str, str], str]) -> str:
    """Return the server's own words: from Planet's JSON, or an HTML page's title, or plain text.

    Secrets are removed before the text is taken apart, and again from what came of it.
    """
    body = response.content
    if len(body) >= ERROR_LIMIT:
        return ""
    text = redact(body.decode("utf-8", "replace"), response.url)
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        found = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return redact(found, response.url)


def _find_message(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        return "; ".join(filter(None, map(_find_message, answer)))
    if not isinstance(answer, dict):
        return ""
    names = ("message", "error_description", "error", "errors", "general", "detail")
    found = [next(filter(None, (_find_message(answer.get(name)) for name in names)), "")]
    if isinstance(fields := answer.get("field"), dict):
        found += [f"{name}: {words}" for name, of in fields.items() if (words := _find_message(of))]
    return "; ".join(filter(None, found))
