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


#: By status: the error, what is wrong, and what to do.
_BAD_REQUEST = (
    BadRequest, "Bad request", "check the filters; the server does not accept one of them"
)  # fmt: skip
_MEANINGS: dict[int, tuple[type[HTTPError], str, str]] = {
    400: _BAD_REQUEST,
    401: (
        InvalidAPIKey,
        "API key or token rejected",
        "check the connection's password (or login); a key that was reset in the Planet account "
        "is rejected from then on",
    ),
    403: (Refused, "Forbidden", "use an organization administrator's key and org_id"),
    404: (NotFound, "Not found", "check the connection's host, the path and the id"),
    410: (Refused, "No longer available", "list the reports again; this one was removed"),
    413: _BAD_REQUEST,
    422: _BAD_REQUEST,
    429: (
        TransientError,
        "Too many requests",
        "run fewer tasks at a time, or set requests_per_second in the connection's extra",
    ),
}
_REFUSED = (Refused, "Request refused", "the request itself has to change")
_BLOCKED = (
    TransientError,
    "Blocked by a firewall or proxy",
    "the answer is an HTML page, not Planet's; ask who runs the network",
)
_SERVER_ERROR = (
    TransientError, "Server error", "the problem is at the server; a later try may succeed"
)  # fmt: skip
#: Statuses worth another try at once (RFC 9110, RFC 6585, RFC 8470), and Cloudflare's own.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 531)})


def is_transient(response: requests.Response) -> bool:
    """Whether an answer is worth another try.

    :param response: the answer.
    """
    return response.status_code in TRANSIENT_STATUSES or _is_blocked(response)


def _is_blocked(response: requests.Response) -> bool:
    """Whether a firewall or a proxy has answered: the API writes no HTML."""
    kind = response.headers.get("Content-Type", "").strip().lower()
    return response.status_code == 403 and kind.startswith("text/html")


def error_of(
    status: int, tail: str, retry_after: float | None = None, *, blocked: bool = False
) -> HTTPError:
    """Return the error that a status stands for: the one place where one becomes an error.

    :param status: the HTTP status.
    :param tail: what follows what is wrong and what to do.
    :param retry_after: seconds that the server asked to wait, where it did.
    :param blocked: whether somebody else answered in the place of the server.
    """
    in_general = _SERVER_ERROR if status >= 500 or status in TRANSIENT_STATUSES else _REFUSED
    kind, problem, advice = _BLOCKED if blocked else _MEANINGS.get(status, in_general)
    wait = "" if retry_after is None else f" The server asks to wait {retry_after:.0f} s."
    return kind(f"{problem} ({status}): {advice}.{wait}{tail}", status, retry_after)


def raise_for_status(response: requests.Response, redact: Callable[[str], str]) -> None:
    """Raise the error that an answer's status stands for; return for a success.

    :param response: the answer.
    :param redact: removes secrets that the server's words may echo.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    what = f"{response.request.method} {safe_url(response.url)}"
    said = _server_message(response, redact)[:_MESSAGE_LIMIT]
    tail = f" The server says {said!r}. {what}" if said else f" {what}"
    if status < 400:
        raise InvalidResponse(
            f"A redirect ({status}) has no usable Location: check any proxy in between.{tail}"
        )
    retry_after = parse_retry_after(response.headers.get("Retry-After"))
    raise error_of(status, tail, retry_after, blocked=_is_blocked(response))


def _server_message(response: requests.Response, redact: Callable[[str], str]) -> str:
    """Return the server's own words: from Planet's JSON, or an HTML page's title, or plain text.

    Secrets are removed before the text is taken apart, and again from what came of it.
    """
    body = response.content
    if len(body) >= ERROR_LIMIT:
        return ""
    text = redact(body.decode("utf-8", "replace"))
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        found = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return redact(found)


def _find_message(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        return "; ".join(filter(None, map(_find_message, answer)))
    if not isinstance(answer, dict):
        return ""
    names = (
        "message", "error_description", "error", "errors", "general", "detail", "description",
        "title",
    )  # fmt: skip
    found = [next(filter(None, (_find_message(answer.get(name)) for name in names)), "")]
    if isinstance(fields := answer.get("field"), dict):
        found += [f"{name}: {words}" for name, of in fields.items() if (words := _find_message(of))]
    return "; ".join(filter(None, found))
