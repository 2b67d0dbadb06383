"""Hook on Planet's Reports API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_planet_reports.airflow_side import connection_form
from airflow_provider_planet_reports.airflow_side.task_errors import task_errors
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.connections import connection
from airflow_provider_planet_reports.errors import InvalidInput

if TYPE_CHECKING:
    import datetime as dt

    import requests

    from airflow_provider_planet_reports.client.api import ReportsAPI
    from airflow_provider_planet_reports.client.paging import OnBadEntry
    from airflow_provider_planet_reports.client.transport.auth import Credentials
    from airflow_provider_planet_reports.client.transport.session import ReportsSession


#: The server's own page size: what one request shows.
_TEST_PAGE = 50


class PlanetReportsHook(BaseHook):
    """Lists and downloads an organization's usage reports.

    The connection has the API key as password (or as login, where password is empty), and the base
    URL as host (Planet's own by default). Its extra may have ``auth`` (``api_key`` by default;
    ``bearer`` with a token as password; ``oauth2`` with client id and secret as login and
    password), ``org_id``, ``timeout`` (connect and read timeout in seconds, default 60),
    ``deadline`` (seconds for an answer that is read whole, default 300), ``max_retries`` (per
    request, default 5), ``requests_per_second`` (unlimited by default) and ``verify`` (true, false
    or a CA file). The credentials must be those of an organization administrator.

    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``.
    :param max_retries: further tries per request, in the place of the connection's own.
    """

    conn_name_attr = "planet_reports_conn_id"
    default_conn_name = "planet_reports_default"
    conn_type = connection_form.CONNECTION_TYPE
    hook_name = connection_form.HOOK_NAME

    def __init__(
        self,
        planet_reports_conn_id: str = default_conn_name,
        *,
        max_retries: int | None = None,
    ) -> None:
        super().__init__()
        self.planet_reports_conn_id = planet_reports_conn_id
        self._max_retries = max_retries
        self._org_id: str | None = None

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the form's own fields by name (Airflow before 3.2)."""
        return connection_form.form_widgets()

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return which of the form's fields show, and how (Airflow before 3.2)."""
        return connection_form.field_behaviour()

    def get_conn(self) -> requests.Session:
        """Return the session: made once, to be shared by a task's threads.

        It sends the key to the API's own origin only, and has timeouts, pace and retries.

        :raises PlanetReportsTaskFailure: if the connection can't be right.
        """
        with task_errors():
            return self._session

    @cached_property
    def api(self) -> ReportsAPI:
        """The client on the connection; it raises the client's own errors."""
        from airflow_provider_planet_reports.client.api import ReportsAPI

        return ReportsAPI(self._session)

    def list_reports(
        self,
        *,
        org_id: str | int | None = None,
        plan_id: str | int | None = None,
        report_type: str | None = None,
        cadence: str | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
        page_size: int | str | None = None,
        query: Mapping[str, Any] | None = None,
        path: str | None = None,
        on_bad_entry: OnBadEntry | None = None,
    ) -> Iterator[Report]:
        """List reports lazily, one page held at a time, every id once.

        Filters are checked at once, before the first report is asked for. The parameters are
        those of the public reference ("Reports API 1.0.0", ``GET /``).

        :param org_id: organization; by default the connection's, else the key's own.
        :param plan_id: plan.
        :param report_type: ``detailed`` or ``summary``.
        :param cadence: ``daily`` or ``monthly``.
        :param start: first day, inclusive: a date or ``YYYY-MM-DD``.
        :param end: last day, inclusive: a date or ``YYYY-MM-DD``.
        :param page_size: reports per page; by default as large as the server allows.
        :param query: further query parameters by name.
        :param path: another listing of the same shape, relative to the base URL.
        :param on_bad_entry: called with the error of each entry of the listing that makes no sense
            (without an id, say); the listing goes on without it. By default a warning is logged.
        :return: the reports, as they are asked for.
        :raises PlanetReportsTaskFailure: for bad input and refusals (400, 401, 403, 404).
        :raises PlanetReportsTaskError: for transient errors that remain after all tries.
        """
        with task_errors():
            session = self._session
            in_query = query if isinstance(query, Mapping) else {}
            if self._org_id and org_id in (None, "") and "org_id" not in in_query:
                org_id = self._org_id
            filters = Filters(
                org_id=org_id, plan_id=plan_id, report_type=report_type, cadence=cadence,
                start=start, end=end, page_size=page_size, query=query, path=path,
            )  # fmt: skip
        self.log.info("Listing reports at %s: %s", session.base_url, filters.parameters or "all")
        return self._lazily(filters, on_bad_entry)

    def _lazily(self, filters: Filters, on_bad_entry: OnBadEntry | None) -> Iterator[Report]:
        with task_errors():
            yield from self.api.list_reports(filters, on_bad_entry=on_bad_entry)

    def get_report(self, report_id: str) -> Report:
        """Return one report.

        :param report_id: its id.
        :raises PlanetReportsTaskFailure: if there is none, or the key may not see it.
        :raises PlanetReportsTaskError: for transient errors that remain after all tries.
        """
        with task_errors():
            return self.api.get_report(report_id)

    def list_products(self) -> list[dict[str, Any]]:
        """Return the account's products, with their quotas: what is used, of how much, until when.

        :return: the API's own objects; their fields are those of Planet's ``my/products``.
        :raises PlanetReportsTaskFailure: for refusals (401, 403, 404).
        :raises PlanetReportsTaskError: for transient errors that remain after all tries.
        """
        with task_errors():
            return self.api.list_products()

    def api_spec(self) -> dict[str, Any]:
        """Return the API's own OpenAPI document, which names its other listings.

        :raises PlanetReportsTaskFailure: if the connection's host has none.
        :raises PlanetReportsTaskError: for transient errors that remain after all tries.
        """
        with task_errors():
            return self.api.api_spec()

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection by listing one page; for the form's "Test" button.

        :return: whether it works, and what was seen or what is wrong.
        """
        try:
            found = list(itertools.islice(self.list_reports(page_size=_TEST_PAGE), _TEST_PAGE))
        except Exception as error:  # the button shows whatever it is
            return False, str(error)
        if not found:
            return True, "The credentials are accepted; there are no reports yet."
        more = " or more" if len(found) == _TEST_PAGE else ""
        seen = f"The credentials are accepted; organization {found[0].org_id} has reports"
        return True, f"{seen} ({len(found)}{more})."

    @cached_property
    def _session(self) -> ReportsSession:
        from airflow_provider_planet_reports.client.transport.session import ReportsSession

        settings = connection(self.planet_reports_conn_id, "the Reports API")
        extra = self._extra(settings)
        credentials = self._credentials(extra, settings.login, settings.password)
        for secret in credentials.secrets():
            mask(secret)
        org_id = extra.get("org_id")
        self._org_id = None if org_id in (None, "") else str(org_id)
        return ReportsSession(
            credentials,
            settings.host,
            timeout=self._number(extra, "timeout", 60.0, least=0.001),
            deadline=self._number(extra, "deadline", 300.0, least=0.001),
            max_retries=(
                int(self._number(extra, "max_retries", 5, least=0))
                if self._max_retries is None
                else self._max_retries
            ),
            requests_per_second=self._number(extra, "requests_per_second", 0.0, least=0.001)
            or None,
            verify=self._verify(extra),
        )

    def _credentials(
        self, extra: Mapping[str, Any], login: str | None, password: str | None
    ) -> Credentials:
        from airflow_provider_planet_reports.client.transport.auth import ApiKey, BearerToken

        login, password = (login or "").strip(), (password or "").strip()
        auth = extra.get("auth") or "api_key"
        problem = None
        if auth not in connection_form.AUTHS:
            known = ", ".join(map(repr, connection_form.AUTHS))
            problem = f"extra auth={auth!r} is not allowed: it must be one of {known}"
        elif auth == "oauth2" and not (login and password):
            problem = "put the OAuth2 client id into the login and its secret into the password"
        elif auth == "bearer" and (login or not password):
            problem = "put the token into the password, and leave the login empty"
        elif auth == "api_key" and not (login or password):
            problem = "there is no API key; put it into the password, which Airflow encrypts"
        elif auth == "api_key" and login and password and login != password:
            problem = (
                "set only one of login and password, to the API key; or, with an OAuth2 client "
                "id as login, set extra auth to 'oauth2'"
            )
        if problem:
            raise InvalidInput(f"Connection {self.planet_reports_conn_id!r}: {problem}.")
        if auth == "oauth2":
            from airflow_provider_planet_reports.client.transport.oauth2 import shared_oauth2

            return shared_oauth2(login, password)
        return BearerToken(password) if auth == "bearer" else ApiKey(login or password)

    def _extra(self, settings: Any) -> dict[str, Any]:
        try:
            extra = settings.extra_dejson
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise InvalidInput(
                f"Connection {self.planet_reports_conn_id!r}: extra must be a JSON object."
            )
        known = list(connection_form.EXTRA_FIELDS)
        for name in extra.keys() - set(known):
            near = get_close_matches(name, known, 1)
            self.log.warning(
                "Connection %r: extra %r is unknown and not used%s. Known are %s.",
                self.planet_reports_conn_id, name, f" (did you mean {near[0]!r}?)" if near else "",
                ", ".join(known),
            )  # fmt: skip
        return extra

    def _verify(self, extra: Mapping[str, Any]) -> bool | str:
        value = extra.get("verify")
        text = str(value).strip() if value not in (None, "") else "true"
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if not Path(text).exists():
            raise InvalidInput(
                f"Connection {self.planet_reports_conn_id!r}: extra verify={value!r} is not "
                "allowed: it must be true, false or a file with CAs that exists on the worker."
            )
        return text

    def _number(self, extra: Mapping[str, Any], name: str, default: float, least: float) -> float:
        value = extra.get(name)
        if value in (None, ""):
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = -1.0
        if isinstance(value, bool) or not least <= number < float("inf"):
            raise InvalidInput(
                f"Connection {self.planet_reports_conn_id!r}: extra {name}={value!r} is not "
                f"allowed: it must be a number{' from 0' if least == 0 else ' greater than 0'}."
            )
        return number


def mask(secret: str) -> None:
    """Have Airflow blot a secret out of all logs; it masks passwords by itself, but not logins."""
    for module in (
        "airflow.sdk.log",  # from 3.1 on
        "airflow.sdk.execution_time.secrets_masker",  # 3.0
        "airflow.utils.log.secrets_masker",  # 2.11
    ):
        try:
            mask_secret = import_module(module).mask_secret
        except (ImportError, AttributeError):
            continue
        mask_secret(secret)
        return
