"""Authentication: what a request carries to the API's own origin, and to no other."""

from __future__ import annotations

import base64
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from airflow_provider_planet_reports.client.transport import addresses
from airflow_provider_planet_reports.errors import InvalidInput


def secret_forms(api_key: str) -> tuple[str, ...]:
    """Return every form in which the API key travels, longest first: none may be shown."""
    basic = base64.b64encode(f"{api_key}:".encode()).decode()
    return tuple(sorted({api_key, quote(api_key, safe=""), basic}, key=len, reverse=True))


class OriginAuth(AuthBase):
    """HTTP Basic authentication, key as user name and empty password, that keeps to one origin.

    ``requests`` drops credentials when it is redirected to another host, but hands a plain
    ``Session.auth`` to any address it is asked for; content links may be on other hosts.

    :param api_key: the API key.
    :param url: an address of the API; its scheme, host and port are the origin.
    """

    def __init__(self, api_key: str, url: str) -> None:
        self._header = "Basic " + base64.b64encode(f"{api_key}:".encode()).decode()
        self._origin = addresses.origin(url)

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the key to a request to the origin; make sure that no other carries any."""
        r.headers.pop("Authorization", None)
        if addresses.origin(r.url or "") == self._origin:
            r.headers["Authorization"] = self._header
        return r


def checked_key(api_key: str) -> str:
    """Return the API key, or refuse one that cannot be a key.

    :param api_key: as the user gave it.
    :raises InvalidInput: if it is empty, or has characters that no key has.
    """
    if not api_key or not api_key.strip():
        raise InvalidInput("The API key is empty.")
    if ":" in api_key or not api_key.isascii() or not api_key.isprintable() or " " in api_key:
        raise InvalidInput(
            "The API key has characters that no key has (a space, a colon or beyond ASCII): "
            "copy it again from the account page at Planet."
        )
    return api_key
