"""The usage page: who used how much of what, per plan, from the warehouse's views."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.errors import InvalidInput, MissingPackage

if TYPE_CHECKING:
    from airflow_provider_planet_reports.usage_page.figures import Figures
    from airflow_provider_planet_reports.usage_page.quotas import Product, Quota
    from airflow_provider_planet_reports.usage_page.standing import Standing
    from airflow_provider_planet_reports.warehouse.database import Database


def write_usage_page(
    warehouse: str,
    page: str,
    *,
    warehouse_conn_id: str | None = None,
    page_conn_id: str | None = None,
    days: int = 30,
    end: dt.date | None = None,
    quotas: Mapping[str, Quota] | None = None,
    products: Sequence[Mapping[str, Any]] | None = None,
    refusal: str = "",
    area_under_management: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    title: str = "Planet usage",
    note: str = "",
) -> str:
    """Write ``usage.csv`` and then ``index.html`` into a folder; return the page's address.

    :param warehouse: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``.
    :param page: the folder: ``file://``, ``s3://``, ``gs://`` or ``abfs://``.
    :param warehouse_conn_id: connection for the warehouse, where its URL names none.
    :param page_conn_id: connection for the folder, where its URL names none.
    :param days: days shown, by default 30; they are compared with as many days before.
    :param end: the last day shown; by default the newest that is loaded.
    :param quotas: quotas by plan, by default none.
    :param products: the account's products, which say the quotas where Planet was asked; they are
        kept in the warehouse's table ``quota_snapshots``.
    :param refusal: why Planet gave no products, where it was asked.
    :param area_under_management: plans that charge the union of areas, once a year.
    :param columns: what the files call ``user`` and ``user_name``, where it differs.
    :param title: the page's heading.
    :param note: a line above it.
    :raises InvalidInput: if a parameter or connection is not valid.
    :raises WarehouseError: if the warehouse cannot be read.
    :raises DestinationError: if the page cannot be written.
    """
    from importlib.util import find_spec

    from airflow_provider_planet_reports.landing.stores.opening import open_store
    from airflow_provider_planet_reports.usage_page import alerts, reading, sections
    from airflow_provider_planet_reports.usage_page.folder import put_files
    from airflow_provider_planet_reports.usage_page.page import page_of
    from airflow_provider_planet_reports.usage_page.periods import Period
    from airflow_provider_planet_reports.usage_page.quotas import Quota, joined, products_of
    from airflow_provider_planet_reports.usage_page.snapshots import keep_snapshot
    from airflow_provider_planet_reports.usage_page.spreadsheet import csv_of
    from airflow_provider_planet_reports.warehouse.opening import open_warehouse

    if find_spec("matplotlib") is None:
        raise MissingPackage("usage-page", "the usage page")
    names = reading.page_columns(columns)
    made = _now()
    account = products_of(products or ())
    unmatched: list[Product] = []
    known = dict(quotas or {})
    store = open_store(page, page_conn_id)
    # Read-only, and closed before anything is written: others load the warehouse meanwhile.
    with closing(open_warehouse(warehouse, warehouse_conn_id, read_only=True)) as database:
        _refuse_landing_zone(database, store.uri(""))
        newest = reading.newest_day(database)
        period = Period.of(days, end or newest or made.date())
        found = reading.read_figures(database, period, newest, names)
        if account:
            known, unmatched = joined(account, found.plans, period.last)
        for plan in area_under_management:
            known[plan] = replace(known.get(plan, Quota()), under_management=True)
        standings = _standings(database, found, known)
    if account:
        with closing(open_warehouse(warehouse, warehouse_conn_id)) as database:
            keep_snapshot(database, account, made.date())
    shown, no_total = sections.sections_of(found, known, standings)
    first = alerts.alerts_of(
        found, shown, made=made, refusal=refusal, unmatched=unmatched,
        unknown=sorted({*known} - {*found.plans}),
    )  # fmt: skip
    html = page_of(
        found, shown, alerts=list(first), no_total=no_total, title=title, note=note, made=made
    )
    put_files(store, {"usage.csv": csv_of(found, shown), "index.html": html.encode()})
    return store.uri("index.html")


def _standings(
    database: Database, figures: Figures, quotas: Mapping[str, Quota]
) -> dict[str, Standing]:
    from airflow_provider_planet_reports.usage_page.periods import Period
    from airflow_provider_planet_reports.usage_page.reading import usage_by_day
    from airflow_provider_planet_reports.usage_page.standing import standing_of

    standings = {}
    for plan in figures.plans:
        quota = quotas.get(plan)
        if quota is None or (quota.amount is None and quota.used is None):
            continue
        since = quota.start or figures.period.first
        if since > figures.period.last:  # its term has not begun
            continue
        by_day = usage_by_day(database, plan, Period(since, figures.period.last))
        standings[plan] = standing_of(quota, since, by_day, figures.period)
    return standings


def _refuse_landing_zone(database: Database, folder: str) -> None:
    """Refuse a folder among the reports, whose readers would take the page for data."""
    if not database.columns_of("loaded_reports"):
        return
    for (source,) in database.execute("SELECT DISTINCT source FROM loaded_reports"):
        if folder.startswith(source):
            raise InvalidInput(
                f"page={folder!r} lies in the landing zone {source!r}, whose readers would take "
                "it for data: choose a folder beside it."
            )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.timezone.utc)
