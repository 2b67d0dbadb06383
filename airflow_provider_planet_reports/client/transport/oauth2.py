"""OAuth2 client credentials, through Planet's own SDK: it knows the addresses and the protocol.

Here is only what it lacks: one token for all threads of a process, a deadline, and its refusals
as errors of ours. Tokens are kept in memory alone.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.auth import Credentials, checked_secret
from airflow_provider_planet_reports.client.transport.redaction import Redactor
from airflow_provider_planet_reports.errors import MissingPackage, PlanetReportsError

#: Seconds for a token: the SDK's requests have no timeouts of their own.
_DEADLINE = 60.0


class OAuth2(Credentials):
    """A token of Planet's, renewed when three quarters of its time are over.

    ``_lock`` is held while a token is fetched: the other threads of the process wait for it
    instead of asking for tokens of their own, which Planet limits.

    :param client_id: id of the OAuth2 client.
    :param client_secret: its secret.
    :raises InvalidInput: if one of them cannot be right.
    :raises MissingPackage: if the SDK is not installed.
    """

    def __init__(self, client_id: str, client_secret: str) -> None:
        checked_secret("client id", client_id)
        checked_secret("client secret", client_secret)
        pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        super().__init__("", (client_secret, pair))
        self._context = _sdk_context(client_id, client_secret)
        self._lock = threading.Lock()
        self._renew_at = 0.0

    def forget(self) -> None:
        """Forget the token."""
        self._renew_at = 0.0

    def renew(self, wait: Callable[[float], bool]) -> None:
        """Fetch a token where it is time.

        :param wait: waits for so many seconds; returns whether the task was told to stop.
        :raises PlanetReportsError: if there is none.
        """
        with self._lock:
            if (now := time.time()) < self._renew_at:
                return
            outcome = self._fetched(wait)
            if isinstance(outcome, Exception):
                raise self._translated(outcome)
            token, expires_at = outcome.access_token(), outcome.expiry_time()
            self.header, self.secrets = f"Bearer {token}", (*self.secrets[:2], token)
            self._renew_at = now + (expires_at - now) * 0.75

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
        while thread.is_alive() and time.monotonic() < deadline and not wait(0):
            thread.join(0.05)
        return outcome[0] if outcome else TimeoutError(f"nothing within {_DEADLINE:g} s")

    def _translated(self, error: Exception) -> PlanetReportsError:
        redact = Redactor(lambda: self.secrets)
        said = redact(str(error))[:300]
        response: Any = getattr(error, "raw_response", None)
        answer = None if response is None else errors.error_of(response, redact)
        if answer is None:
            return errors.TransportError(
                f"No token ({said}): a later try may succeed; check that the worker reaches "
                "Planet's token server."
            )
        if not answer.final:
            return answer
        return errors.Refused(
            f"Client id or secret rejected ({response.status_code}): check the connection's login "
            f"and password, and its extra auth. {said}",
            response.status_code,
        )


#: Returns the one source of tokens of this process for a client.
shared_oauth2 = lru_cache(16)(OAuth2)


def _sdk_context(client_id: str, client_secret: str) -> Any:
    try:
        import_module("planet.auth")  # it tells planet_auth_utils Planet's addresses
        factory = import_module("planet_auth_utils").PlanetAuthFactory
    except ImportError:
        raise MissingPackage("oauth2", "auth 'oauth2' (on workers and triggerers)") from None
    alone = {"save_token_file": False, "use_env": False, "use_configfile": False}
    return factory.initialize_auth_client_context(
        auth_client_id_opt=client_id, auth_client_secret_opt=client_secret, **alone
    )
