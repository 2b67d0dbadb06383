"""Hook on Planet's Reports API."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_planet_reports import connection_form
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.connections import connection
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.exceptions import task_errors

if TYPE_CHECKING:
    import datetime as dt

    import requests

    from airflow_provider_planet_reports.client.api import ReportsAPI
    from airflow_provider_planet_reports.client.paging import OnBadEntry
    from airflow_provider_planet_reports.client.transport.session import ReportsSession


#: The server's own page size: what one request shows.
_TEST_PAGE = 50


class PlanetReportsHook(BaseHook):
    """Lists and downloads an organization's usage reports.

    The connection has the API key as login (or as password, where login is empty), the base
    URL as host (Planet's own by default), and as extra ``org_id``, ``timeout`` (seconds
    without a byte, default 60), ``max_retries`` (per request, default 5) and
    ``requests_per_second`` (no ceiling by default). The key must belong to an organization
    administrator.

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
        :raises PlanetReportsTaskError: for trouble that outlasted all tries.
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
        :raises PlanetReportsTaskError: for trouble that outlasted all tries.
        """
        with task_errors():
            return self.api.get_report(report_id)

    def test_connection(self) -> tuple[bool, str]:
        """Try the connection by listing one page; for the form's "Test" button.

        :return: whether it works, and what was seen or what is wrong.
        """
        try:
            found = list(itertools.islice(self.list_reports(page_size=_TEST_PAGE), _TEST_PAGE))
        except Exception as error:  # the button shows whatever it is
            return False, str(error)
        if not found:
            return True, "The key is accepted; no report is there to be seen yet."
        more = " or more" if len(found) == _TEST_PAGE else ""
        seen = f"The key is accepted; organization {found[0].org_id} shows reports"
        return True, f"{seen} ({len(found)}{more})."

    @cached_property
    def _session(self) -> ReportsSession:
        from airflow_provider_planet_reports.client.transport.auth import secret_forms
        from airflow_provider_planet_reports.client.transport.session import ReportsSession

        settings = connection(self.planet_reports_conn_id, "the Reports API")
        key = self._api_key(settings.login, settings.password)
        for secret in secret_forms(key):
            mask(secret)
        extra = self._extra(settings)
        org_id = extra.get("org_id")
        self._org_id = None if org_id in (None, "") else str(org_id)
        return ReportsSession(
            key,
            settings.host,
            timeout=self._number(extra, "timeout", 60.0, least=0.001),
            max_retries=(
                int(self._number(extra, "max_retries", 5, least=0))
                if self._max_retries is None
                else self._max_retries
            ),
            requests_per_second=self._number(extra, "requests_per_second", 0.0, least=0.001)
            or None,
        )

    def _api_key(self, login: str | None, password: str | None) -> str:
        login, password = (login or "").strip(), (password or "").strip()
        if login and password and login != password:
            raise InvalidInput(
                f"Connection {self.planet_reports_conn_id!r} has both a login and a password: the "
                "API key is to be the one or the other, since it is sent with an empty password."
            )
        if not login and not password:
            raise InvalidInput(
                f"Connection {self.planet_reports_conn_id!r} has no API key: put it into the "
                "login, or into the password where login is to stay empty."
            )
        return login or password

    def _extra(self, settings: Any) -> dict[str, Any]:
        try:
            extra = settings.extra_dejson
        except ValueError:
            extra = None
        if not isinstance(extra, dict):
            raise InvalidInput(
                f"Connection {self.planet_reports_conn_id!r}: extra must be a JSON object."
            )
        return extra

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
