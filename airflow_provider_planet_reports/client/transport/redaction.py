"""Removing secrets and control characters from everything that is shown or kept."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

#: Query parameters of a listing; every other one may be a signature or a token.
_SHOWN_PARAMETERS = frozenset(
    ("after", "cadence", "end", "offset", "org_id", "page_size", "plan_id", "report_type", "start")
)
#: Shorter values of a query are no secrets, and may be part of any text.
_SHORTEST_SECRET = 8
#: Characters that move the cursor, break a line or turn the reading direction.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
#: User and password of an address that stands in a text, and its query and fragment.
_USER = re.compile(r"//[^/\s@?#\"'<>]+@")
_QUERY = re.compile(rf"([?&#;])[^\s\"'<>]{{{_SHORTEST_SECRET},}}")
_LIKE_AN_ADDRESS = re.compile(rf"//|/[^\s?#]*[?#]|[?#&][^\s=?#&]+=|[?#]\S{{{_SHORTEST_SECRET},}}")


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
        secrets = (*self._secrets(), *_secrets_of(url))
        return one_line(_without_queries(_without(secrets, text)))

    def echoes(self, text: str) -> bool:
        """Whether a text has the credentials in it, in any form."""
        return _without(self._secrets(), text) != text

    def parsed(self, text: str, parse: Callable[[str], Any]) -> Any:
        """Return the value of a JSON text, in which no form of the credentials is left.

        :param text: the text, long perhaps.
        :param parse: makes the value.
        """
        value = parse(_blotted(self._secrets(), text))
        if not self.echoes(text):
            return value
        return _in_all_texts(value, lambda each: _without(self._secrets(), each))


def _in_all_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with all its texts changed, the names of fields included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_in_all_texts(item, change) for item in value]
    if isinstance(value, dict):
        return {change(name): _in_all_texts(item, change) for name, item in value.items()}
    return value


def _without(secrets: Iterable[str], text: str) -> str:
    """Return a text without secrets; where one is hidden by escapes, they are resolved."""
    text = _blotted(secrets, text)
    plain = _unescaped(text)
    cleared = _blotted(secrets, plain)
    return text if cleared == plain else cleared


def _blotted(secrets: Iterable[str], text: str) -> str:
    lowered = text.lower()
    found = [secret for secret in secrets if secret.lower() in lowered]
    if not found:
        return text
    longest_first = sorted(found, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), "***", text, flags=re.IGNORECASE)


def _unescaped(text: str) -> str:
    """Return a text with all characters as they are meant by JSON, HTML and addresses."""
    if "\\" in text:
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        text = text.replace("\\", "")
    if "&#" in text or "&amp;" in text:
        text = html.unescape(text)
    return unquote(text)


def _without_queries(text: str) -> str:
    """Return a text without the secrets of the addresses in it."""
    return _QUERY.sub(r"\1***", _USER.sub("//***@", text))


@lru_cache  # each request asks for the same several times
def parse_url(url: str) -> SplitResult | None:
    """Return the parts of an address; None where it is none, or could not be sent."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check: a port that is no number raises
        url.encode()  # half a surrogate pair can't be sent
    except ValueError:
        return None
    return parts


@lru_cache
def safe_url(url: str) -> str:
    """Return an address fit for logs, errors and receipts.

    Credentials and fragment are left out, and all of the query but a listing's own parameters:
    signed links carry their secrets there.
    """
    parts = parse_url(url)
    if parts is None:
        return "<malformed address>"
    query = [pair for pair in parse_qsl(parts.query) if pair[0] in _SHOWN_PARAMETERS]
    host = parts.netloc.rpartition("@")[2]
    return one_line(urlunsplit((parts.scheme, host, parts.path, urlencode(query), "")))


def _secrets_of(url: str) -> set[str]:
    """Return what of an address' query may be secret, as written and as meant."""
    parts = parse_url(url)
    if parts is None:
        return set()
    written = [each.partition("=")[::2] for each in parts.query.split("&")]
    pairs = [*written, *parse_qsl(parts.query, keep_blank_values=True)]
    values = {value or name for name, value in pairs if name not in _SHOWN_PARAMETERS}
    return {each for each in values if len(each) >= _SHORTEST_SECRET}


def without_secrets(value: Any) -> Any:
    """Return a JSON value in which no address carries a secret.

    :param value: for example a report as the API describes it.
    """
    return _in_all_texts(value, _without_secrets_of_links)


def _without_secrets_of_links(text: str) -> str:
    if not _LIKE_AN_ADDRESS.search(text):
        return text
    return _without_queries(text) if re.search(r"\s", text) else safe_url(text)
