"""The table ``quota_snapshots``: what Planet said of quotas, by day; Planet keeps no history."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.usage_page.quotas import Product
from airflow_provider_planet_reports.warehouse.database import Database
from airflow_provider_planet_reports.warehouse.errors import WarehouseRefused

_TABLE = """CREATE TABLE IF NOT EXISTS quota_snapshots (
    day DATE, product_id TEXT, plan_id TEXT, title TEXT, state TEXT, quota_unit TEXT,
    quota_total DOUBLE PRECISION, quota_used DOUBLE PRECISION, term_start DATE, term_end DATE
)"""


def keep_snapshot(database: Database, products: Iterable[Product], day: dt.date) -> None:
    """Keep what Planet says on a day, in the place of what it said earlier that day.

    :param database: the warehouse, open for writing.
    :param products: the account's products. ``plan_id`` has what each has for a plan's id.
    :param day: today.
    :raises WarehouseRefused: if the table cannot be created or written.
    """
    try:
        _keep(database, products, day)
    except PlanetReportsError:
        raise
    except Exception as error:  # each database has its own
        reason = " ".join(str(error).split())[:300]
        raise WarehouseRefused(
            "Quotas cannot be kept: let this user create and write the table quota_snapshots. "
            f"({type(error).__name__}: {reason})"
        ) from None


def _keep(database: Database, products: Iterable[Product], day: dt.date) -> None:
    database.prepare()  # a warehouse that is new has no schema yet
    with database.transaction():
        database.execute(_TABLE)
        database.execute("DELETE FROM quota_snapshots WHERE day = %s", [day])
        for each in products:
            quota = each.quota
            database.execute(
                "INSERT INTO quota_snapshots VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    day, each.product_id, ", ".join(sorted(each.plans)), quota.title, each.state,
                    quota.unit, quota.amount, quota.used, quota.start, quota.end,
                ],
            )  # fmt: skip
