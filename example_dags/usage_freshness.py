"""Which days of daily summaries are landed, which are loaded, and which are missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from usage_words import DASH, said

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Period:
    """Days from the first to the last, both included."""

    first: dt.date
    last: dt.date

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[dt.date]:
        return (self.first + dt.timedelta(days=number) for number in range(len(self)))

    def __str__(self) -> str:
        if self.first == self.last:
            return said(self.last)
        if self.first.year != self.last.year:
            return f"{said(self.first)} {DASH} {said(self.last)}"
        same_month = self.first.month == self.last.month
        return f"{self.first:{'%-d' if same_month else '%-d %b'}} {DASH} {said(self.last)}"

    def before(self) -> Period:
        """Return the period of the same length right before this one."""
        return Period(self.first - dt.timedelta(days=len(self)), self.first - dt.timedelta(days=1))


@dataclass
class Freshness:
    """Which days there are.

    :param loaded: plans whose report is in the warehouse, by day.
    :param landed: plans whose report is landed, by day; ``None`` where nobody looked.
    :param plans: plans that there are reports of; a day is whole when it has all of them.
    :param loaded_at: when the last report was loaded.
    """

    loaded: dict[dt.date, set[str]] = field(default_factory=dict)
    landed: dict[dt.date, set[str]] | None = None
    plans: set[str] = field(default_factory=set)
    loaded_at: dt.datetime | None = None

    def state(self, day: dt.date) -> str:
        """Return ``loaded``, ``in part`` (not all plans), ``landed`` (only), or ``missing``."""
        loaded = self.loaded.get(day, set())
        if loaded:
            return "loaded" if loaded >= self.plans else "in part"
        return "landed" if (self.landed or {}).get(day) else "missing"

    def days(self, period: Period, *states: str) -> list[dt.date]:
        """Return the days of a period that are in one of these states."""
        return [day for day in period if self.state(day) in states]

    def days_with_figures(self, period: Period) -> int:
        """Return how many days of a period are loaded, be it in part."""
        return len(self.days(period, "loaded", "in part"))


def landed_summaries(
    destination: str, conn_id: str | None, period: Period, plan_id: str | None = None
) -> list[tuple[str, dt.date, str]]:
    """Return plan, day and id of the landed daily summaries of a period.

    :param destination: where reports are landed.
    :param conn_id: connection for it.
    :param period: the days wanted.
    :param plan_id: the plan wanted, by default all.
    """
    from airflow_provider_planet_reports.landing import landed_reports

    return sorted(
        (
            str(report["plan_id"]),
            dt.date.fromisoformat(report["data_date_start"][:10]),
            report["report_id"],
        )
        for report in landed_reports(
            destination,
            conn_id,
            plan_id=plan_id,
            report_type="summary",
            cadence="daily",
            start=period.first,
            end=period.last,
        )
    )


# [START howto_dashboard_freshness]
def read_freshness(
    db: DuckDBPyConnection | None,
    table: str,
    period: Period,
    plan_id: str | None = None,
    landed: list[tuple[str, dt.date, str]] | None = None,
) -> Freshness:
    """Compare what is landed with what is loaded.

    :param db: the warehouse, or ``None`` where there is none yet.
    :param table: its table.
    :param period: the days wanted.
    :param plan_id: the plan wanted, by default all that there are reports of.
    :param landed: what :func:`landed_summaries` returned.
    """
    fresh = Freshness(plans={plan_id} if plan_id else set())
    if landed is not None:
        fresh.landed = _by_day((plan, day) for plan, day, _ in landed)
    if db is not None:
        fresh.loaded = _by_day(
            [
                *_plans_and_days(db, table, period, plan_id),
                *_loaded_ones(db, table, landed or []),
            ]
        )
        fresh.loaded_at = _loaded_at(db, table)
    fresh.plans.update(*fresh.loaded.values(), *(fresh.landed or {}).values())
    return fresh
    # [END howto_dashboard_freshness]


def _by_day(pairs: Iterable[tuple[str, dt.date]]) -> dict[dt.date, set[str]]:
    plans: dict[dt.date, set[str]] = {}
    for plan, day in pairs:
        plans.setdefault(day, set()).add(plan)
    return plans


def _plans_and_days(
    db: DuckDBPyConnection, table: str, period: Period, plan_id: str | None
) -> list[tuple[str, dt.date]]:
    return db.execute(
        "SELECT DISTINCT coalesce(_plan_id::VARCHAR, ''), _data_date "
        f"FROM {quoted(table)} WHERE _data_date BETWEEN $first AND $last "
        "AND ($plan IS NULL OR _plan_id::VARCHAR = $plan)",
        {"first": period.first, "last": period.last, "plan": plan_id},
    ).fetchall()


def _loaded_ones(
    db: DuckDBPyConnection, table: str, landed: list[tuple[str, dt.date, str]]
) -> list[tuple[str, dt.date]]:
    """Return plan and day of landed reports that are loaded, those without rows included."""
    if not landed or not columns_of(db, "loaded_reports"):
        return []
    found = db.execute(
        "SELECT report_id FROM loaded_reports WHERE table_name = ? AND list_contains(?, report_id)",
        [table, [report_id for _, _, report_id in landed]],
    ).fetchall()
    loaded = {row[0] for row in found}
    return [(plan, day) for plan, day, report_id in landed if report_id in loaded]


def _loaded_at(db: DuckDBPyConnection, table: str) -> dt.datetime | None:
    if not columns_of(db, "loaded_reports"):
        return None
    ((seconds,),) = db.execute(
        "SELECT epoch(max(loaded_at)) FROM loaded_reports WHERE table_name = ?", [table]
    ).fetchall()
    return seconds and dt.datetime.fromtimestamp(seconds, dt.timezone.utc)


def columns_of(db: DuckDBPyConnection, table: str) -> list[str]:
    """Return the names of a table's columns; none where it is not there."""
    found = db.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [table],
    )
    return [row[0] for row in found.fetchall()]


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"{}"'.format(name.replace('"', '""'))
