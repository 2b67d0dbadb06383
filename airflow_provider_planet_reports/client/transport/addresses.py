"""Rules about addresses: what may be a base URL, what may be followed, what may be shown."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import SplitResult, urljoin, urlsplit

from airflow_provider_planet_reports.client.errors import RefusedLink
from airflow_provider_planet_reports.client.transport.redaction import parse_url, safe_url
from airflow_provider_planet_reports.errors import InvalidInput

DEFAULT_BASE_URL = "https://api.planet.com/reports/v1"
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: A host that no two libraries read differently: the key must go where it seems to go.
_HOST = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
#: Addresses whose origin is cached: each request asks for the same several times.
_CACHED = 256


def base_url(text: str | None) -> str:
    """Return a connection's base URL, checked, and ending in the slash that the API's own has.

    :param text: what stands in the connection's host field; empty for Planet's own address.
    :raises InvalidInput: if it has no scheme or host, has credentials, a query or a fragment,
        or is plain http to anything but a loopback address.
    """
    text = (text or "").strip() or DEFAULT_BASE_URL
    parts = parse_url(text)
    example = f"for example {DEFAULT_BASE_URL}"
    if parts is None or not _connectable(parts):
        raise InvalidInput(
            f"Base URL {_without_user(text)!r} is not an http(s) address: write it with its "
            f"scheme and host, {example}."
        )
    if "@" in parts.netloc:
        raise InvalidInput(
            f"Base URL {_without_user(text)!r} had credentials in it: put the API key into the "
            "connection's login (or password) field and leave it out of the host."
        )
    if parts.query or parts.fragment:
        raise InvalidInput(
            f"Base URL {safe_url(text)!r} has a query or a fragment: give the address alone, "
            f"{example}."
        )
    if not (parts.scheme == "https" or _is_loopback(parts)):
        raise InvalidInput(
            f"Base URL {text!r} would send the API key unencrypted: use https://. "
            "Plain http:// is only for loopback addresses (127.0.0.1, localhost)."
        )
    return text if text.endswith("/") else f"{text}/"


@lru_cache(_CACHED)
def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what the API key is bound to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def is_loopback(url: str) -> bool:
    """Whether an address leads to this machine."""
    parts = parse_url(url)
    return parts is not None and _is_loopback(parts)


def check_link(url: str, *, came_from: str) -> str:
    """Return a link to follow, or refuse one that leads to unencrypted or unknown ground.

    :param url: the absolute address to follow.
    :param came_from: the address that named it, for the message.
    :raises RefusedLink: if it is not http(s), has credentials, or is plain http to
        anything but a loopback address or from an https address.
    """
    parts = parse_url(url)
    if parts is None or not _connectable(parts):
        wrong = "is not an http(s) address"
    elif "@" in parts.netloc:
        wrong = "has credentials in it"
    elif not (parts.scheme == "https" or _is_loopback(parts)) or (
        parts.scheme == "http" and came_from.lower().startswith("https:")
    ):
        wrong = "leads to an unencrypted address"
    else:
        return url
    raise RefusedLink(
        f"A link {wrong}: it is not followed; check any proxy in between. {safe_url(url)!r}, given "
        f"by {safe_url(came_from)}"
    )


def is_presigned(link: str, base: str) -> bool:
    """Whether a content link may open a file by itself, without the API key.

    One on the API's own origin that has no query does not, as far as can be known.

    :param link: the link, maybe relative to the base.
    :param base: address of the API.
    """
    parts = parse_url(link)
    if parts is None or "@" in parts.netloc or parts.query or parts.fragment:
        return True
    return origin(urljoin(base, link)) != origin(base)


def _connectable(parts: SplitResult) -> bool:
    """Whether the libraries can connect to an address, and to the same host as it seems."""
    host = _HOST.fullmatch(parts.hostname or "")
    return parts.scheme in _DEFAULT_PORTS and host is not None and "\\" not in parts.netloc


def _without_user(url: str) -> str:
    head, slashes, rest = url.rpartition("://")
    return f"{head}{slashes}{rest.rpartition('@')[2]}"


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
