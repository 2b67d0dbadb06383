"""What a connection of type ``planet_reports`` says, checked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.airflow_side.connection_form import AUTHS, EXTRA_FIELDS
from airflow_provider_planet_reports.errors import InvalidInput

if TYPE_CHECKING:
    from airflow_provider_planet_reports.client.transport.auth import Credentials

log = logging.getLogger(__name__)


class ConnectionSettings:
    """A connection's fields.

    :param conn_id: the connection's id, for messages.
    :param connection: Airflow's connection.
    :raises InvalidInput: if its extra cannot be right.
    """

    def __init__(self, conn_id: str, connection: Any) -> None:
        self._conn_id = conn_id
        self._login = (connection.login or "").strip()
        self._password = (connection.password or "").strip()
        self.host: str | None = connection.host
        try:
            extra = connection.extra_dejson
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise self._wrong("extra must be a JSON object")
        for name in extra.keys() - EXTRA_FIELDS.keys():
            from difflib import get_close_matches

            near = get_close_matches(name, EXTRA_FIELDS, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            known = ", ".join(EXTRA_FIELDS)
            log.warning(
                "Connection %r: extra %r is unknown and not used%s. Known are %s.",
                conn_id, name, hint, known,
            )  # fmt: skip
        self._extra = {name: value for name, value in extra.items() if value not in (None, "")}

    @property
    def org_id(self) -> str | None:
        """The organization to list when a task names none."""
        value = self._extra.get("org_id")
        return None if value is None else str(value)

    def credentials(self) -> Credentials:
        """Return what the connection authenticates with.

        :raises InvalidInput: if a field is missing, or cannot be right.
        """
        from airflow_provider_planet_reports.client.transport.auth import api_key, bearer_token

        login, password = self._login, self._password
        auth = self._extra.get("auth", "api_key")
        if auth not in AUTHS:
            known = ", ".join(map(repr, AUTHS))
            raise self._wrong(f"extra auth={auth!r} is not allowed: it must be one of {known}")
        if auth == "oauth2":
            if not (login and password):
                raise self._wrong("put the OAuth2 client id into the login and its secret into the "
                                  "password")  # fmt: skip
            from airflow_provider_planet_reports.client.transport.oauth2 import shared_oauth2

            return shared_oauth2(login, password)
        if auth == "bearer":
            if login or not password:
                raise self._wrong("put the token into the password, and leave the login empty")
            return bearer_token(password)
        if not (login or password):
            raise self._wrong("put the API key into the password, which Airflow encrypts; it is "
                              "missing")  # fmt: skip
        if login and password and login != password:
            raise self._wrong(
                "set only one of login and password, to the API key; or, with an OAuth2 client id "
                "as login, set extra auth to 'oauth2'"
            )
        return api_key(login or password)

    def session_options(self) -> dict[str, Any]:
        """Return the keyword arguments for the session.

        :raises InvalidInput: if one cannot be right.
        """
        return {
            "timeout": self._number("timeout", 60.0, least=0.001),
            "deadline": self._number("deadline", 300.0, least=0.001),
            "max_retries": int(self._number("max_retries", 5, least=0)),
            "requests_per_second": self._number("requests_per_second", 0.0, least=0.001) or None,
            "verify": self._verify(),
        }

    def _number(self, name: str, default: float, least: float) -> float:
        value = self._extra.get(name, default)
        if name not in self._extra:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = -1.0
        if isinstance(value, bool) or not least <= number < float("inf"):
            kind = "a number from 0" if least == 0 else "a number greater than 0"
            raise self._wrong(f"extra {name}={value!r} is not allowed: it must be {kind}")
        return number

    def _verify(self) -> bool | str:
        text = str(self._extra.get("verify", True)).strip()
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if not Path(text).exists():
            raise self._wrong(
                f"extra verify={text!r} is not allowed: it must be true, false or a CA file that "
                "exists on the worker"
            )
        return text

    def _wrong(self, problem: str) -> InvalidInput:
        return InvalidInput(f"Connection {self._conn_id!r}: {problem}.")
