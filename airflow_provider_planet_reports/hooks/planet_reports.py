"""Hook on Planet's Reports API."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_planet_reports.airflow_side import connection_form
from airflow_provider_planet_reports.airflow_side.connection_settings import ConnectionSettings
from airflow_provider_planet_reports.airflow_side.task_errors import task_errors
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.connections import connection

if TYPE_CHECKING:
    import datetime as dt

    import requests

    from airflow_provider_planet_reports.client.api import ReportsAPI
    from airflow_provider_planet_reports.client.errors import InvalidResponse
    from airflow_provider_planet_reports.client.transport.session import ReportsSession


log = logging.getLogger(__name__)

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
        on_bad_entry: Callable[[InvalidResponse], None] | None = None,
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
        if filters.report_type == "pv_detailed" and filters.cadence == "monthly":
            log.warning("No monthly pv_detailed reports are ever made: ask for cadence='daily'.")
        self.log.info("Listing reports at %s: %s", session.base_url, filters.parameters or "all")
        return self._lazily(filters, on_bad_entry)

    def _lazily(
        self, filters: Filters, on_bad_entry: Callable[[InvalidResponse], None] | None
    ) -> Iterator[Report]:
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

        settings = ConnectionSettings(
            self.planet_reports_conn_id,
            connection(self.planet_reports_conn_id, "the Reports API", self.conn_type),
        )
        credentials = settings.credentials()
        for secret in credentials.secrets:
            mask(secret)
        self._org_id = settings.org_id
        options = settings.session_options()
        if self._max_retries is not None:
            options["max_retries"] = self._max_retries
        return ReportsSession(credentials, settings.host, **options)


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
