"""Removing secrets from addresses, texts and log records, before anybody sees them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

#: Query parameters of a listing; every other one may be a signature or a token.
_SHOWN_PARAMETERS = frozenset(
    ("after", "cadence", "end", "offset", "org_id", "page_size", "plan_id", "report_type", "start")
)
_SHORTEST_SECRET = 8
#: Addresses of which is kept what was made of them: each request asks for the same several times.
_KEPT = 256
#: Loggers that are given the addresses of requests, with all that is in them.
_URLLIB3_LOGGERS = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)
#: Fields of a report that hold links, which may be relative.
_LINKS = ("contents", "_links")


@lru_cache(_KEPT)
def parse_url(url: str) -> SplitResult | None:
    """Return the parts of an address; None where it is none, or could not be sent."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check: a port that is no number raises
        url.encode()  # half a surrogate pair can't be sent
    except ValueError:
        return None
    return parts


@lru_cache(_KEPT)
def safe_url(url: object) -> str:
    """Return an address fit for logs, errors and receipts.

    Credentials and fragments are left out, and of the query only a listing's own parameters
    keep their values: signed links carry their secrets there, a bare token among them.
    """
    parts = parse_url(str(url))
    if parts is None:
        return "<malformed address>"
    query = [
        (name, value) if name in _SHOWN_PARAMETERS else (name if value else "***", "***")
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query, safe="*"), ""))


def secrets_of(url: str) -> list[str]:
    """Return an address' secrets, as written and as meant, longest first.

    Short values are left out: they are no secrets, and may be part of any text.
    """
    parts = parse_url(url)
    if parts is None:
        return []
    written = [each.partition("=")[::2] for each in parts.query.split("&")]
    pairs = [*written, *parse_qsl(parts.query, keep_blank_values=True)]
    values = {value or name for name, value in pairs if name not in _SHOWN_PARAMETERS}
    return sorted((each for each in values if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)


def without_secrets(value: Any, *, link: bool = False) -> Any:
    """Return a JSON value in which no address carries a secret.

    Of an address' query only a listing's own parameters are left; credentials and fragment go.

    :param value: for example a report as the API describes it.
    :param link: whether texts are addresses, even if they are relative ones.
    """
    if isinstance(value, dict):
        return {
            name: without_secrets(item, link=link or name in _LINKS) for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item, link=link) for item in value]
    if isinstance(value, str) and (link or "://" in value):
        parts = parse_url(value)
        if parts is None:
            return "<malformed address>"
        kept = [each for each in parse_qsl(parts.query) if each[0] in _SHOWN_PARAMETERS]
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, urlencode(kept), ""))
    return value


class UrlRedactingFilter(logging.Filter):
    """Rewrites what urllib3 logs of our own requests; those of others in the process stay."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Rewrite what this thread logs meanwhile."""
        self._thread.redacting = True
        try:
            yield
        finally:
            self._thread.redacting = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record pass; one of ours without secrets."""
        if getattr(self._thread, "redacting", False) and isinstance(record.args, tuple):
            record.args = tuple(map(_fit_for_logs, record.args))
            record.exc_info = None  # with headers in it, or the address
        return True


def _fit_for_logs(value: object) -> object:
    if isinstance(value, str):
        return safe_url(value) if "?" in value else value
    return value if isinstance(value, (int, type(None))) else type(value).__name__


_filter = UrlRedactingFilter()


def install_log_filter() -> None:
    """Have urllib3's loggers redact what they are told of our requests."""
    for name in _URLLIB3_LOGGERS:
        logging.getLogger(name).addFilter(_filter)


def urllib3_logs_redacted() -> AbstractContextManager[None]:
    """Redact what urllib3 logs in this thread meanwhile."""
    return _filter.active()
