"""Credentials: what a request carries to the API's own origin."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote

from airflow_provider_planet_reports.errors import InvalidInput


class Credentials:
    """What proves who asks.

    :param header: value of the ``Authorization`` header.
    :param secrets: what must not be shown, in every form in which it travels.
    """

    def __init__(self, header: str, secrets: tuple[str, ...]) -> None:
        self.header = header
        self.secrets = secrets

    def renew(self, wait: Callable[[float], bool]) -> None:
        """Fetch what the header needs, where it has to be fetched; called before each try.

        :param wait: waits for so many seconds; returns whether the task was told to stop.
        """

    def forget(self) -> None:
        """Forget what was fetched: the API has refused it."""


def api_key(key: str) -> Credentials:
    """Return HTTP Basic authentication: the key as user name, and an empty password.

    :param key: the API key.
    :raises InvalidInput: if it is empty, or has characters that no key has.
    """
    checked_secret("API key", key, forbidden=" :")
    return Credentials(f"Basic {_basic(key)}", secret_forms(key))


def bearer_token(token: str) -> Credentials:
    """Return authentication with a ready token.

    :param token: the token.
    :raises InvalidInput: if it is empty, or has characters that no token has.
    """
    checked_secret("token", token)
    return Credentials(f"Bearer {token}", (token,))


def secret_forms(secret: str) -> tuple[str, ...]:
    """Return every form in which an API key travels: none may be shown."""
    return (secret, quote(secret, safe=""), _basic(secret))


def checked_secret(what: str, secret: str, *, forbidden: str = " ") -> None:
    """Refuse a secret that cannot be right.

    :param what: what it is, for the message.
    :param secret: as the user gave it.
    :param forbidden: characters that it can't have, besides those beyond printable ASCII.
    :raises InvalidInput: if it is empty, or could not stand in a header.
    """
    if not secret or not secret.strip():
        raise InvalidInput(f"The {what} is empty.")
    if not secret.isascii() or not secret.isprintable() or set(secret) & set(forbidden):
        raise InvalidInput(
            f"The {what} has characters that no {what.rpartition(' ')[2]} has (a space, a colon, "
            "beyond ASCII): copy it again from the account page at Planet."
        )


def _basic(key: str) -> str:
    return base64.b64encode(f"{key}:".encode()).decode()
