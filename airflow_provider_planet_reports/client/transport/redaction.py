"""Removing secrets and control characters from everything that is shown or kept."""

from __future__ import annotations

import html
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

#: Query parameters of a listing; every other one may be a signature or a token.
_SHOWN_PARAMETERS = frozenset(
    ("after", "cadence", "end", "offset", "org_id", "page_size", "plan_id", "report_type", "start")
)
#: Shorter values of a query are no secrets, and may be part of any text.
_SHORTEST_SECRET = 8
#: Addresses whose parts are cached: each request asks for the same several times.
_CACHED = 256
#: Fields of a report that hold links, which may be relative.
_LINKS = ("contents", "_links")
#: Characters that move the cursor, break a line or turn the reading direction.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: User and password of an address that stands in a text, and what its query and fragment say.
_USER = re.compile(r"//[^/\s@?#\"'<>]+@")
_QUERY = re.compile(r"([?&#;])(?:([\w.%-]{1,100}=)(?=[^\s&\"'<>=]))?([^\s&\"'<>]+)")
_NAME = re.compile(r"[\w.-]{1,100}")
_LIKE_AN_ADDRESS = re.compile(r"//|/[^\s?#]*[?#]|[?#&][^\s=?#&]+=")
_URLLIB3_LOGGERS = (
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)


def one_line(text: str) -> str:
    """Return a text in one line, with control characters written as escapes."""
    return _CONTROL.sub(
        lambda found: found[0].encode("unicode_escape").decode(), " ".join(text.split())
    )


class Redactor:
    """Removes secrets from what servers say: the one place that does.

    :param secrets: returns the credentials' secrets as they are now; tokens are renewed.
    """

    def __init__(self, secrets: Callable[[], tuple[str, ...]]) -> None:
        self._secrets = secrets

    def __call__(self, text: str, url: str = "") -> str:
        """Return a server's words in one line, without anything that may be secret.

        :param text: the words, as they came: call it before they are transformed, and again after.
        :param url: an address whose secrets they may echo.
        """
        text = _blot(self.without_credentials(text), tuple(secrets_of(url)))
        return one_line(_without_queries(text))

    def without_credentials(self, text: str) -> str:
        """Return a text, long perhaps, in which no form of the credentials is left."""
        return _blot(text, self._secrets())

    def without_credentials_in(self, value: Any) -> Any:
        """Return a JSON value in which no form of the credentials is left."""
        secrets = self._secrets()

        def cleared(value: Any) -> Any:
            if isinstance(value, str):
                return _blot(value, secrets)
            if isinstance(value, list):
                return list(map(cleared, value))
            if isinstance(value, dict):
                return {_blot(name, secrets): cleared(item) for name, item in value.items()}
            return value

        return cleared(value)


def _without_queries(text: str) -> str:
    """Return a text without the secrets of the addresses in it."""

    def replaced(found: re.Match[str]) -> str:
        mark, name, value = found.groups()
        shown = name is None and len(value) < _SHORTEST_SECRET
        return found[0] if shown else f"{mark}{name or ''}***"

    return _QUERY.sub(replaced, _USER.sub("//***@", text))


def _blot(text: str, secrets: tuple[str, ...]) -> str:
    plain = text
    # Undoing all ways to write a character is much quicker than a search for every way.
    if "\\" in plain:
        plain = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), plain)
        plain = plain.replace("\\", "")
    if "&#" in plain or "&amp;" in plain:
        plain = html.unescape(plain)
    if "%" in plain:
        plain = unquote(plain)
    both = f"{plain}\0{text}".lower() if plain is not text else text.lower()
    if not any(secret.lower() in both for secret in secrets):
        return text
    return _in_any_form(secrets).sub("***", text)


@lru_cache(_CACHED)
def _in_any_form(secrets: tuple[str, ...]) -> re.Pattern[str]:
    """Return what finds secrets, however JSON, HTML or an address writes their characters."""
    forms = ("".join(map(_written, secret)) for secret in sorted(secrets, key=len, reverse=True))
    return re.compile("|".join(forms), re.IGNORECASE)


@lru_cache(_CACHED)
def _written(character: str) -> str:
    code = ord(character)
    percent = "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
    named = html.escape(character)
    ways = (character, named, percent, f"\\u{code:04x}")
    numbered = rf"&#0*{code};?|&#x0*{code:x};?"
    return rf"\\*(?:{'|'.join(map(re.escape, dict.fromkeys(ways)))}|{numbered})"


@lru_cache(_CACHED)
def parse_url(url: str) -> SplitResult | None:
    """Return the parts of an address; None where it is none, or could not be sent."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check: a port that is no number raises
        url.encode()  # half a surrogate pair can't be sent
    except ValueError:
        return None
    return parts


@lru_cache(_CACHED)
def safe_url(url: object) -> str:
    """Return an address fit for logs, errors and receipts.

    Credentials and fragments are left out, and of the query only a listing's own parameters
    keep their values: signed links carry their secrets there, a bare token among them.
    """
    parts = parse_url(str(url))
    if parts is None:
        return "<malformed address>"
    query = [
        (name, value)
        if name in _SHOWN_PARAMETERS
        # A bare token, which may end in padding or have a slash in it, is no name.
        else (name if value.strip("=") and _NAME.fullmatch(name) else "***", "***")
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    host = parts.netloc.rpartition("@")[2]
    return one_line(urlunsplit((parts.scheme, host, parts.path, urlencode(query, safe="*"), "")))


def secrets_of(url: str) -> list[str]:
    """Return an address' secrets, as written and as meant.

    Short values are left out: they are no secrets, and may be part of any text.
    """
    parts = parse_url(url)
    if parts is None:
        return []
    written = [each.partition("=")[::2] for each in parts.query.split("&")]
    pairs = [*written, *parse_qsl(parts.query, keep_blank_values=True)]
    values = {value or name for name, value in pairs if name not in _SHOWN_PARAMETERS}
    return [each for each in values if len(each) >= _SHORTEST_SECRET]


def without_secrets(value: Any, *, link: bool = False) -> Any:
    """Return a JSON value in which no address carries a secret.

    Of an address' query only a listing's own parameters are left; credentials and fragment go.

    :param value: for example a report as the API describes it.
    :param link: whether texts are addresses, whatever they look like.
    """
    if isinstance(value, dict):
        return {
            without_secrets(name): without_secrets(item, link=link or name in _LINKS)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [without_secrets(item, link=link) for item in value]
    if not isinstance(value, str) or not (link or _LIKE_AN_ADDRESS.search(value)):
        return value
    if not link and re.search(r"\s", value):  # a text with addresses in it
        return _without_queries(value)
    parts = parse_url(value)
    if parts is None:
        return "<malformed address>"
    kept = [each for each in parse_qsl(parts.query) if each[0] in _SHOWN_PARAMETERS]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(kept), ""))


class UrlRedactingFilter(logging.Filter):
    """Rewrites what urllib3 logs of our own requests; those of others in the process stay."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()
        for name in _URLLIB3_LOGGERS:
            logging.getLogger(name).addFilter(self)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Rewrite what this thread logs meanwhile."""
        self._thread.active = True
        try:
            yield
        finally:
            self._thread.active = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record pass; one of ours without secrets."""
        if getattr(self._thread, "active", False) and isinstance(record.args, tuple):
            record.args = tuple(map(_fit_for_logs, record.args))
            record.exc_info = None  # with headers in it, or the address
        return True


def _fit_for_logs(value: object) -> object:
    if isinstance(value, str):
        return safe_url(value) if "?" in value else one_line(value)
    return value if isinstance(value, (int, type(None))) else type(value).__name__


#: The one filter of this process.
urllib3_logs = UrlRedactingFilter()
