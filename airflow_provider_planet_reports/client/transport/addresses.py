"""Rules about addresses: what may be a base URL, what may be followed, what may be shown."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from airflow_provider_planet_reports.client.errors import RefusedLink
from airflow_provider_planet_reports.client.transport.redaction import parse_url, safe_url
from airflow_provider_planet_reports.errors import InvalidInput

DEFAULT_BASE_URL = "https://api.planet.com/reports/v1"
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: A host that no two libraries read differently: the key must go where it seems to go.
_HOST = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
_CREDENTIALS = "has credentials in it"
_UNENCRYPTED = "leads to an unencrypted address"
#: What to do about a base URL that has a flaw.
_ADVICE = {
    _CREDENTIALS: "put the API key into the connection's password and leave it out of the host",
    _UNENCRYPTED: "use https://; plain http:// is only for loopback (127.0.0.1, localhost)",
}


def base_url(text: str | None) -> str:
    """Return a connection's base URL, checked, and ending in the slash that the API's own has.

    :param text: what stands in the connection's host field; empty for Planet's own address.
    :raises InvalidInput: if it has no scheme or host, has credentials, a query or a fragment,
        or is plain http to anything but a loopback address.
    """
    text = (text or "").strip() or DEFAULT_BASE_URL
    wrong = _flaw(text)
    if wrong is None and ("?" in text or "#" in text):
        wrong = "has a query or a fragment"
    if wrong is not None:
        advice = _ADVICE.get(wrong, f"write it like {DEFAULT_BASE_URL}")
        raise InvalidInput(f"The base URL {wrong}: {advice}. It is {safe_url(text)!r}.")
    return text if text.endswith("/") else f"{text}/"


@lru_cache  # each request asks for the same several times
def origin(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port: what the API key is bound to."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_link(link: str, *, came_from: str) -> str:
    """Return where a link leads, or refuse one that leads to unencrypted or unknown ground.

    :param link: the link, maybe relative to the address that named it.
    :param came_from: that address.
    :return: the absolute address to follow.
    :raises RefusedLink: if it is not http(s), has credentials, or is plain http to
        anything but a loopback address or from an https address.
    """
    url = link if parse_url(link) is None else urljoin(came_from, link)
    wrong = _flaw(url)
    if wrong is None and url.startswith("http:") and came_from.lower().startswith("https:"):
        wrong = _UNENCRYPTED
    if wrong is not None:
        raise RefusedLink(
            f"A link {wrong}: it is not followed; check any proxy in between. {safe_url(url)!r}, "
            f"given by {safe_url(came_from)}"
        )
    return url


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


def _flaw(url: str) -> str | None:
    """Return why the key may not be sent to an address, nor a file fetched from it."""
    parts = parse_url(url)
    host = "" if parts is None else parts.hostname or ""
    if parts is None or parts.scheme not in _DEFAULT_PORTS or not _HOST.fullmatch(host):
        return "is not an http(s) address"
    if "@" in parts.netloc:
        return _CREDENTIALS
    return None if parts.scheme == "https" or is_loopback(host) else _UNENCRYPTED
