"""OAuth2 client credentials, through Planet's own SDK: it knows the addresses and the protocol.

Here is only what it lacks: one token for all threads of a process, a deadline, and its refusals
as errors of ours. Tokens are kept in memory alone.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import requests

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.auth import Credentials, checked_secret
from airflow_provider_planet_reports.client.transport.redaction import Redactor
from airflow_provider_planet_reports.client.transport.retries import parse_retry_after
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError

log = logging.getLogger(__name__)

#: Seconds for a token: the SDK's requests have no timeouts of their own.
_DEADLINE = 60.0
#: Seconds until a renewal that failed is tried again, while the old token still works.
_RENEWAL_PAUSE = 60.0


class OAuth2(Credentials):
    """A token of Planet's, renewed when three quarters of its time are over.

    ``_lock`` is held while a token is fetched: the other threads of the process wait for it
    instead of asking for tokens of their own, which Planet limits.

    :param client_id: id of the OAuth2 client.
    :param client_secret: its secret.
    :raises InvalidInput: if one of them cannot be right, or the SDK is not installed.
    """

    def __init__(self, client_id: str, client_secret: str) -> None:
        checked_secret("client id", client_id)
        checked_secret("client secret", client_secret)
        pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._forms = (client_secret, pair)
        self._context = _sdk_context(client_id, client_secret)
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = self._expires_at = 0.0

    def header(self) -> str:
        """Return the token."""
        if not self._token:
            self.renew(lambda _: False)
        return f"Bearer {self._token}"

    def secrets(self) -> tuple[str, ...]:
        """Return the secret, as it is and as it travels, and the token."""
        return (*self._forms, self._token) if self._token else self._forms

    def forget(self) -> None:
        """Forget the token."""
        self._renew_at = self._expires_at = 0.0

    def renew(self, wait: Callable[[float], bool]) -> None:
        """Fetch a token where it is time.

        :param wait: waits for so many seconds; returns whether the task was told to stop.
        :raises PlanetReportsError: if there is none.
        """
        if time.time() < self._renew_at:
            return
        with self._lock:
            if (now := time.time()) < self._renew_at:  # another thread was quicker
                return
            try:
                credential = self._fetched(wait)
            except PlanetReportsError as error:
                if now >= self._expires_at:
                    raise
                log.warning("The token could not be renewed; the old one still works. %s", error)
                self._renew_at = now + _RENEWAL_PAUSE
                return
            issued, expires = credential.issued_time() or now, credential.expiry_time()
            self._token = credential.access_token()
            self._expires_at = float("inf") if expires is None else expires
            self._renew_at = issued + (self._expires_at - issued) * 0.75

    def _fetched(self, wait: Callable[[float], bool]) -> Any:
        """Have the SDK fetch a token, in a thread that nobody has to wait for."""
        outcome: list[Any] = []

        def fetch() -> None:
            try:
                outcome.append(self._context.login())
            except Exception as error:  # of the SDK, of requests, of its JSON
                outcome.append(error)

        thread = threading.Thread(target=fetch, name="planet-reports-token", daemon=True)
        thread.start()
        deadline = time.monotonic() + _DEADLINE
        while thread.is_alive() and time.monotonic() < deadline:
            thread.join(0.05)
            if wait(0):
                raise errors.TransportError("Token request cancelled: the task was told to stop.")
        if not outcome:
            raise errors.TransportError(
                f"No token within {_DEADLINE:g} s: check that the worker reaches Planet's token "
                "server."
            )
        if isinstance(outcome[0], Exception):
            raise self._translated(outcome[0])
        return outcome[0]

    def _translated(self, error: Exception) -> PlanetReportsError:
        said = Redactor(self.secrets)(str(error))[:300]
        response = getattr(error, "raw_response", None)
        status = 0 if response is None else response.status_code
        if isinstance(error, requests.exceptions.RetryError):  # the SDK's own tries after a 429
            status = 429
        if status == 429:
            asked = None if response is None else response.headers.get("Retry-After")
            return errors.TooManyRequests(
                f"Planet limits token requests (429): run fewer tasks at a time. {said}",
                status,
                parse_retry_after(asked),
            )
        if 400 <= status < 500:
            return errors.InvalidClient(
                f"Client id or secret rejected ({status}): check the connection's login and "
                f"password, and its extra auth. {said}",
                status,
            )
        if status >= 500:
            return errors.ServerError(
                f"Planet's token server failed ({status}): a later try may succeed. {said}", status
            )
        return errors.TransportError(f"No token: a later try may succeed. {said}")


@lru_cache(16)
def shared_oauth2(client_id: str, client_secret: str) -> OAuth2:
    """Return the one source of tokens of this process for a client."""
    return OAuth2(client_id, client_secret)


def _sdk_context(client_id: str, client_secret: str) -> Any:
    try:
        import_module("planet.auth")  # it tells planet_auth_utils Planet's addresses
        factory = import_module("planet_auth_utils").PlanetAuthFactory
    except ImportError:
        raise InvalidInput(
            "auth 'oauth2' needs Planet's SDK: pip install "
            "'airflow-provider-planet-reports[oauth2]' on workers and triggerers."
        ) from None
    return factory.initialize_auth_client_context(
        auth_client_id_opt=client_id,
        auth_client_secret_opt=client_secret,
        save_token_file=False,
        save_profile_config=False,
        use_env=False,
        use_configfile=False,
    )
