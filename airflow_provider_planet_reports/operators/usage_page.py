"""Operator that writes the usage page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import BaseOperator

from airflow_provider_planet_reports.airflow_side.landing_options import report_ids
from airflow_provider_planet_reports.airflow_side.parameters import (
    Templated,
    is_template,
    literals,
    refuse_none,
)
from airflow_provider_planet_reports.airflow_side.task_errors import task_errors
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError
from airflow_provider_planet_reports.landing.destination import place_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


_MOST_DAYS = 3660


class PlanetUsagePageOperator(Templated, BaseOperator):
    """Write a page that shows who used how much of what, per plan, and how much of the quota.

    ::

        PlanetUsagePageOperator(
            task_id="page",
            warehouse="duckdb:///data/planet.duckdb",
            page="s3://my_aws@bucket/planet-usage",
            quotas="planet",
        )

    The figures come from the views of the warehouse that
    :class:`~airflow_provider_planet_reports.transfers.planet_reports_to_warehouse.\
PlanetReportsToWarehouseOperator` loads. It writes ``usage.csv``, which has everything that the
    page shows, and then ``index.html``: one file without scripts that fetches nothing. It needs the
    extra ``usage-page``, and that of the warehouse. Returns the address of the page.

    The page names people, as the reports do: write it where only those may read who may read
    reports.

    :param warehouse: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``.
        (templated)
    :param page: folder for the page, as URL (``s3://conn_id@bucket/prefix``, ``gs://``,
        ``abfs://``, ``file://``); not in the landing zone. (templated)
    :param warehouse_conn_id: connection for PostgreSQL, where the URL names none. (templated)
    :param page_conn_id: connection for the folder, where its URL names none. (templated)
    :param days: days shown, by default 30. They are compared with as many days before. (templated)
    :param end: last day shown: a date or ``YYYY-MM-DD``; by default the newest loaded. (templated)
    :param quotas: what may be used, by plan: an amount, or a mapping with ``amount``, ``unit``,
        ``start`` and ``end`` (of the term); the same as JSON. Or ``"planet"``: what Planet's
        account service says, which is kept by day in the warehouse's table ``quota_snapshots``. By
        default none. (templated)
    :param area_under_management: ids of plans that charge the union of areas once a year: they have
        no forecast and are in no total. By default those of which Planet says so. (templated)
    :param columns: what this account's files call the columns ``user`` and ``user_name``; by
        default ``{"user": "user_email", "user_name": "user_name"}``. (templated)
    :param title: heading of the page, by default ``Planet usage``. (templated)
    :param note: a line above the heading, by default none. (templated)
    :param planet_reports_conn_id: connection of type ``planet_reports`` for ``quotas="planet"``, by
        default ``planet_reports_default``. (templated)
    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises PlanetReportsTaskError: for transient errors.
    """

    template_fields: Sequence[str] = (
        "warehouse", "page", "warehouse_conn_id", "page_conn_id", "days", "end", "quotas",
        "area_under_management", "columns", "title", "note", "planet_reports_conn_id",
    )  # fmt: skip
    template_fields_renderers: ClassVar[dict[str, str]] = {"quotas": "json", "columns": "json"}
    ui_color = "#e6def2"

    def __init__(
        self,
        *,
        warehouse: str,
        page: str,
        warehouse_conn_id: str | None = None,
        page_conn_id: str | None = None,
        days: int | str = 30,
        end: dt.date | str | None = None,
        quotas: Mapping[str, Any] | str | None = None,
        area_under_management: Collection[str] | str = (),
        columns: Mapping[str, str] | None = None,
        title: str = "Planet usage",
        note: str = "",
        planet_reports_conn_id: str = "planet_reports_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.warehouse = warehouse
        self.page = page
        self.warehouse_conn_id = warehouse_conn_id
        self.page_conn_id = page_conn_id
        self.days = days
        self.end = end
        self.quotas = quotas
        self.area_under_management = area_under_management
        self.columns = columns
        self.title = title
        self.note = note
        self.planet_reports_conn_id = planet_reports_conn_id
        with task_errors():  # what is known to be wrong already shows when the DAG is parsed
            self._check_literals()

    def execute(self, context: Context) -> str:  # noqa: ARG002 - Airflow's signature
        """Write the page.

        :param context: Airflow's context.
        :return: its address.
        """
        from airflow_provider_planet_reports.usage_page import write_usage_page
        from airflow_provider_planet_reports.usage_page.quotas import given_quotas

        with task_errors():
            refuse_none(self)
            quotas = given_quotas(self.quotas)
            products, refusal = self._products() if quotas is None else (None, "")
            where = write_usage_page(
                self.warehouse,
                self.page,
                warehouse_conn_id=self.warehouse_conn_id or None,
                page_conn_id=self.page_conn_id or None,
                days=_days(self.days),
                end=_end(self.end),
                quotas=quotas,
                products=products,
                refusal=refusal,
                area_under_management=report_ids(
                    "area_under_management", self.area_under_management or ()
                ),
                columns=self.columns,
                title=self.title,
                note=self.note,
            )
        self.log.info("Usage page: %s", where)
        return where

    def _products(self) -> tuple[list[dict[str, Any]] | None, str]:
        """Return what Planet says of quotas, or why it does not: the page is made without, then."""
        from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook

        hook = PlanetReportsHook(self.planet_reports_conn_id)
        hook.get_conn()  # a connection that cannot be right fails the task
        try:
            products = hook.list_products()
            return products, "" if products else "the account has no products."
        except PlanetReportsError as error:
            self.log.warning("The page is made without quotas: %s", error)
            return None, str(error)

    def _check_literals(self) -> None:
        from airflow_provider_planet_reports.usage_page.quotas import given_quotas
        from airflow_provider_planet_reports.usage_page.reading import page_columns
        from airflow_provider_planet_reports.warehouse.opening import parse_warehouse

        for name, check in (
            ("page", place_of),
            ("days", _days),
            ("end", _end),
            ("quotas", given_quotas),
            ("columns", page_columns),
        ):
            for value in literals(self, [name]).values():
                check(value)
        if not is_template([self.warehouse, self.warehouse_conn_id]):
            parse_warehouse(self.warehouse, self.warehouse_conn_id)


def _days(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise InvalidInput(
            f"days={value!r} is not allowed: it must be a whole number from 1 to {_MOST_DAYS}."
        )
    return int(text)


def _end(value: Any) -> dt.date | None:
    if isinstance(value, dt.datetime):
        return value.date()
    if value in (None, "") or isinstance(value, dt.date):
        return value or None
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise InvalidInput(f"end={value!r} is not a date: write it as YYYY-MM-DD.") from None
