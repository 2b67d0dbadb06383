"""What can go wrong between us and the Reports API, told apart by what the caller should do.

A message is one line: what is wrong, what to do, and then the request.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_planet_reports.client.transport.redaction import one_line
from airflow_provider_planet_reports.errors import PlanetReportsError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

_MESSAGE_LIMIT = 500
_BODY_LIMIT = 64 * 1024
#: Where a body is cut, half of a secret may be left; no secret is longer.
_LONGEST_SECRET = 8 * 1024


class ClientError(PlanetReportsError):
    """Base of the client's own errors: one line, without control characters.

    :param message: what is wrong, what to do, and the request.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class InvalidResponse(ClientError):
    """The server answered, but not with what the Reports API is known to answer."""


class ResponseTooLarge(InvalidResponse):
    """A body that is read whole exceeds the limit; the request is not repeated."""


class TooManyRedirects(InvalidResponse):
    """The server redirects without an end; the request is not repeated."""


class RefusedLink(ClientError):
    """The server pointed to an address that must not be followed."""

    final = True


class TransportError(ClientError):
    """No complete answer: refused, reset, cut short or timed out, also after all retries."""


class DeadlineExceeded(TransportError):
    """An answer that is read whole took longer than the deadline; it is not asked for again."""


class ProxyError(TransportError):
    """The proxy of the environment cannot be reached, or refuses."""


class UntrustedCertificate(TransportError):
    """The server's certificate is of an authority that is not known here."""

    final = True


class DamagedContent(ClientError):
    """The bytes received do not match the size or the digest that the server announced."""


class HTTPError(ClientError):
    """An answer with an error status.

    :param message: what is wrong, what to do, and the request.
    :param status: the HTTP status.
    """

    # Errors travel between processes with their message alone; the rest comes by __dict__.
    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Refused(HTTPError):
    """A 4xx answer: the same request would be refused again."""

    final = True
    problem: ClassVar[str] = "Request refused"
    advice: ClassVar[str] = "the request itself has to change"


class BadRequest(Refused):
    """400, 413 or 422: the server does not accept one of the filters, or so large a page."""

    problem = "Bad request"
    advice = "check the filters; the server does not accept one of them"


class InvalidAPIKey(Refused):
    """401: the API key, or the token, is not valid."""

    problem = "API key or token rejected"
    advice = (
        "check the connection's password (or login); a key that was reset in the Planet account "
        "is rejected from then on"
    )


class InvalidClient(Refused):
    """The token server does not accept the OAuth2 client's id or secret."""


class NoPermission(Refused):
    """403: the key is not that of an administrator of the organization."""

    problem = "Forbidden"
    advice = "use an organization administrator's key and org_id"


class NotFound(Refused):
    """404: there is nothing at that address, or no report of that id."""

    problem = "Not found"
    advice = "check the connection's host, the path and the id"


class Gone(Refused):
    """410: it existed once."""

    problem = "No longer available"
    advice = "list the reports again; this one was removed"


class TransientError(HTTPError):
    """An answer worth another try, later.

    :param message: what is wrong, what to do, and the request.
    :param status: the HTTP status.
    :param retry_after: seconds that the server asked to wait, where it did.
    """

    problem: ClassVar[str] = "Server error"
    advice: ClassVar[str] = "the problem is at the server; a later try may succeed"

    def __init__(self, message: str, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message, status)
        self.retry_after = retry_after


class TooManyRequests(TransientError):
    """429, still after all retries, or with a longer ``Retry-After`` than is waited for."""

    problem = "Too many requests"
    advice = "run fewer tasks at a time, or set requests_per_second in the connection's extra"


class ServerError(TransientError):
    """5xx, 408 or 425, still after all retries, or as with :class:`TooManyRequests`."""


class Blocked(TransientError):
    """403 with an HTML page, which the API does not write: a firewall or a proxy does."""

    problem = "Blocked by a firewall or proxy"
    advice = "the answer is an HTML page, not Planet's; ask who runs the network"


_REFUSALS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: InvalidAPIKey,
    403: NoPermission,
    404: NotFound,
    410: Gone,
    413: BadRequest,
    422: BadRequest,
}
#: Statuses worth another try (RFC 9110, RFC 6585, RFC 8470), and Cloudflare's own.
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 531)})


def is_transient(response: requests.Response) -> bool:
    """Whether an answer is worth another try.

    :param response: the answer.
    """
    return response.status_code in TRANSIENT_STATUSES or _is_blocked(response)


def _is_blocked(response: requests.Response) -> bool:
    kind = response.headers.get("Content-Type", "").strip().lower()
    return response.status_code == 403 and kind.startswith("text/html")


def raise_for_status(
    response: requests.Response,
    *,
    what: str,
    redact: Callable[[str], str],
    retry_after: float | None = None,
) -> None:
    """Raise the error that an answer's status stands for; return for a success.

    This is the one place where a status becomes an error.

    :param response: the answer.
    :param what: the request, fit for logs (method and address).
    :param redact: removes secrets that the server's words may echo.
    :param retry_after: seconds that the server asked to wait, where it did.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    said = _server_message(response, redact)[:_MESSAGE_LIMIT]
    words = f" The server says {said!r}." if said else ""
    wait = "" if retry_after is None else f" The server asks to wait {retry_after:.0f} s."
    tail = f"{wait}{words} {what}"
    if 300 <= status < 400:
        raise InvalidResponse(
            f"A redirect ({status}) has no usable Location: check any proxy in between.{tail}"
        )
    if is_transient(response) or status >= 500:
        kind = TooManyRequests if status == 429 else Blocked if status == 403 else ServerError
        raise kind(f"{kind.problem} ({status}): {kind.advice}.{tail}", status, retry_after)
    refusal = _REFUSALS.get(status, Refused)
    raise refusal(f"{refusal.problem} ({status}): {refusal.advice}.{tail}", status)


def _server_message(response: requests.Response, redact: Callable[[str], str]) -> str:
    """Return the server's own words: from Planet's JSON, or an HTML page's title, or plain text.

    Secrets are removed before the text is taken apart, and again from what came of it.
    """
    try:
        body = response.content
    except (OSError, RuntimeError):  # a broken or already consumed body explains nothing
        return ""
    text = redact(body[:_BODY_LIMIT].decode("utf-8", "replace"))
    if len(body) >= _BODY_LIMIT:
        text = text[:-_LONGEST_SECRET]
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
