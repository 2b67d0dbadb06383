"""What can go wrong between us and the Reports API, told apart by what the caller should do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_planet_reports.errors import PlanetReportsError

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

_MESSAGE_LIMIT = 500
_REASON_LIMIT = 100
_BODY_LIMIT = 64 * 1024


class InvalidResponse(PlanetReportsError):
    """The server answered, but not with what the Reports API is known to answer."""


class ResponseTooLarge(InvalidResponse):
    """A body that is read whole exceeds the limit; the request is not repeated."""


class TooManyRedirects(InvalidResponse):
    """The server redirects without an end; the request is not repeated."""


class RefusedLink(PlanetReportsError):
    """The server pointed to an address that must not be followed."""

    final = True


class TransportError(PlanetReportsError):
    """No complete answer: refused, reset, cut short or timed out, also after all retries."""


class DamagedContent(PlanetReportsError):
    """The bytes received do not match the size or the digest that the server announced."""


class HTTPError(PlanetReportsError):
    """An answer with an error status.

    :param message: what happened and what to do.
    :param status: the HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Refused(HTTPError):
    """A 4xx answer: the same request would be refused again."""

    final = True
    advice: ClassVar[str] = "The request itself has to change."


class BadRequest(Refused):
    """400: the server does not accept one of the filters."""

    advice = "Check the filters; the server does not accept one of them."


class InvalidAPIKey(Refused):
    """401: the API key is not valid."""

    advice = (
        "Check the API key in the connection (login, or password where login is empty); "
        "the account page at Planet shows the valid one."
    )


class NoPermission(Refused):
    """403: the key is not that of an administrator of the organization."""

    advice = (
        "Reports are only shown to an organization administrator: use the API key of one, "
        "and an organization (org_id) that this administrator belongs to."
    )


class NotFound(Refused):
    """404: there is nothing at that address, or no report of that id."""

    advice = "Check the connection's host, the path and the id."


class Gone(Refused):
    """410: it existed once."""

    advice = "It existed once and was removed; list the reports again."


class TransientError(HTTPError):
    """An answer worth another try, later.

    :param message: what happened and what to do.
    :param status: the HTTP status.
    :param retry_after: seconds that the server asked to wait, where it did.
    """

    def __init__(self, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message, status)
        self.retry_after = retry_after


class TooManyRequests(TransientError):
    """429, still after all retries, or with a longer ``Retry-After`` than is waited for."""


class ServerError(TransientError):
    """5xx, 408 or 425, still after all retries, or as with :class:`TooManyRequests`."""


_REFUSALS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: InvalidAPIKey,
    403: NoPermission,
    404: NotFound,
    410: Gone,
}
#: Statuses worth another try (RFC 9110, RFC 6585, RFC 8470).
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})


def raise_for_status(
    response: requests.Response,
    *,
    describe: str,
    redact: Callable[[str], str],
    retry_after: float | None = None,
) -> None:
    """Raise the error that an answer's status stands for; return for a success.

    This is the one place where a status becomes an error.

    :param response: the answer; of a streamed one at most 64 KiB are read.
    :param describe: the request, fit for logs (method and address).
    :param redact: removes secrets that the server's words may echo.
    :param retry_after: seconds that the server asked to wait, where it did.
    """
    status = response.status_code
    if 200 <= status < 300:
        return
    # Cut afterwards: half of a secret would not be found.
    said = redact(_server_message(response))[:_MESSAGE_LIMIT]
    reason = redact(response.reason or "")[:_REASON_LIMIT]
    what = f"{describe} answered {status} {reason}".rstrip()
    if said:
        what = f"{what}: {said!r}"
    wait = "" if retry_after is None else f" The server asks to wait {retry_after:.0f} s."
    if status == 429:
        raise TooManyRequests(
            f"{what}.{wait} Run fewer tasks at a time, or set requests_per_second "
            "in the connection's extra.",
            status,
            retry_after,
        )
    if status in TRANSIENT_STATUSES or status >= 500:
        raise ServerError(
            f"{what}.{wait} The trouble is at the server; a later try may succeed.",
            status,
            retry_after,
        )
    if 300 <= status < 400:
        raise InvalidResponse(f"{what}. A redirect without a usable Location cannot be followed.")
    refusal = _REFUSALS.get(status, Refused)
    raise refusal(f"{what}. {refusal.advice}", status)


def _server_message(response: requests.Response) -> str:
    """Return the server's own words: from Planet's JSON, or an HTML page's title, or plain text."""
    try:
        body = next(response.iter_content(_BODY_LIMIT), b"")
    except (OSError, RuntimeError):  # a broken or already consumed body explains nothing
        return ""
    text = body.decode("utf-8", "replace").strip()
    try:
        found = _find_message(json.loads(text))
    except (ValueError, RecursionError):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        found = title.group(1) if title else re.sub(r"<[^>]*>", " ", text)
    return " ".join(found.split())


def _find_message(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, list):
        return "; ".join(filter(None, map(_find_message, answer)))
    if isinstance(answer, dict):
        for key in ("message", "error", "errors", "general", "detail", "description", "title"):
            if answer.get(key):
                return _find_message(answer[key])
    return ""
