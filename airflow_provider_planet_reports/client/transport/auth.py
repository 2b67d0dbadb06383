"""Authentication: what a request carries to the API's own origin, and to no other."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from airflow_provider_planet_reports.client.transport.addresses import origin
from airflow_provider_planet_reports.errors import InvalidInput


class Credentials:
    """What proves who asks: the value of the ``Authorization`` header."""

    def header(self) -> str:
        """Return the header's value."""
        raise NotImplementedError

    def secrets(self) -> tuple[str, ...]:
        """Return what must not be shown, in every form in which it travels."""
        raise NotImplementedError

    def renew(self, wait: Callable[[float], bool]) -> None:
        """Fetch what the header needs, where it has to be fetched; called before each try.

        :param wait: waits for so many seconds; returns whether the task was told to stop.
        """

    def forget(self) -> None:
        """Forget what was fetched: the API has refused it."""


class ApiKey(Credentials):
    """HTTP Basic authentication: the key as user name, and an empty password.

    :param key: the API key.
    :raises InvalidInput: if it is empty, or has characters that no key has.
    """

    def __init__(self, key: str) -> None:
        self._key = checked_secret("API key", key)
        if ":" in key:
            raise _odd("API key")
        self._forms = secret_forms(key)

    def header(self) -> str:
        """Return the key in base64."""
        return f"Basic {_basic(self._key)}"

    def secrets(self) -> tuple[str, ...]:
        """Return the key, as it is and as it travels."""
        return self._forms


class BearerToken(Credentials):
    """A ready token.

    :param token: the token.
    :raises InvalidInput: if it is empty, or has characters that no token has.
    """

    def __init__(self, token: str) -> None:
        self._token = checked_secret("token", token)

    def header(self) -> str:
        """Return the token."""
        return f"Bearer {self._token}"

    def secrets(self) -> tuple[str, ...]:
        """Return the token."""
        return (self._token,)


class OriginAuth(AuthBase):
    """Adds the credentials to requests to one origin, and to no others.

    ``requests`` drops credentials when it is redirected to another host, but hands a plain
    ``Session.auth`` to any address it is asked for; content links may be on other hosts.

    :param credentials: what to add.
    :param url: an address of the API; its scheme, host and port are the origin.
    """

    def __init__(self, credentials: Credentials, url: str) -> None:
        self._credentials = credentials
        self._origin = origin(url)

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the credentials to a request to the origin; make sure that no other has any."""
        r.headers.pop("Authorization", None)
        if origin(r.url or "") == self._origin:
            r.headers["Authorization"] = self._credentials.header()
        return r


def secret_forms(secret: str) -> tuple[str, ...]:
    """Return every form in which an API key travels, longest first: none may be shown."""
    forms = {secret, quote(secret, safe=""), _basic(secret)}
    return tuple(sorted(forms, key=len, reverse=True))


def checked_secret(what: str, secret: str) -> str:
    """Return a secret, or refuse one that cannot be right.

    :param what: what it is, for the message.
    :param secret: as the user gave it.
    :raises InvalidInput: if it is empty, or could not stand in a header.
    """
    if not secret or not secret.strip():
        raise InvalidInput(f"The {what} is empty.")
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        raise _odd(what)
    return secret


def _odd(what: str) -> InvalidInput:
    kind = what.rpartition(" ")[2]
    return InvalidInput(
        f"The {what} has characters that no {kind} has (a space, a colon, beyond ASCII): copy it "
        "again from the account page at Planet."
    )


def _basic(key: str) -> str:
    return base64.b64encode(f"{key}:".encode()).decode()
