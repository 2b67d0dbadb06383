"""From the warehouse table of daily summaries to the figures of the usage dashboard.

All of the adding up is DuckDB's: what comes back is a row for each day and for each group, however
many rows the table has. Values are text in the warehouse. A row whose date or usage is none (the
lines of information that may close a file are such) is left out of the figures, and counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usage_freshness import Freshness, Period, columns_of, landed_summaries, quoted, read_freshness

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# [START howto_dashboard_columns]
#: The columns of the reports by what the dashboard takes from them. Planet does not publish its
#: columns: where yours have other names, hand in those, as ``columns={"usage": "quota_used"}``.
COLUMNS: dict[str, str | None] = {
    "date": "date",
    "item_type": "item_type",
    "user": "user_email",
    "user_name": "user_name",  # None: users go by "user" alone
    "usage": "usage",
    "downloads": "downloads",  # None: not shown
    "area": "area_sqkm",  # None: not shown
}
# [END howto_dashboard_columns]
OPTIONAL = {"user_name", "downloads", "area"}
#: Groups that get a bar and a row of their own; the rest is added up.
ITEM_TYPES, USERS = 6, 12
_NUMBER = "DECIMAL(28, 6)"  # exact, and unlike DOUBLE it takes neither nan nor inf for a number


@dataclass(frozen=True)
class Amounts:
    """What was used; ``None`` where the reports do not say."""

    usage: float = 0.0
    downloads: float | None = None
    area: float | None = None


@dataclass(frozen=True)
class Group:
    """An item type or a user, in the period and in the one before.

    :param key: what it goes by in the reports; ``None`` for all others together.
    :param name: what people call it.
    :param members: how many it stands for.
    """

    key: str | None
    name: str
    members: int
    now: Amounts
    before: Amounts


@dataclass
class Figures:
    """Everything that the page shows.

    :param since: first day of the running total.
    :param freshness: which days there are.
    :param has_table: whether the warehouse has the table at all.
    :param total: all of it.
    :param by_day: usage by day and item type; ``None`` as item type is all others together.
    :param totals: what was used on each day.
    :param people: number of users, in the period and in the one before.
    :param running: usage on each day since the running total began.
    :param rows: rows of the reports of all days that the page uses.
    :param left_out: how many of them are in no figure.
    :param unreadable: how many of them have no date or number where one belongs, by column.
    """

    period: Period
    table: str
    since: dt.date
    freshness: Freshness = field(default_factory=Freshness)
    has_table: bool = False
    total: Group = field(default_factory=lambda: Group(None, "", 0, Amounts(), Amounts()))
    item_types: list[Group] = field(default_factory=list)
    users: list[Group] = field(default_factory=list)
    by_day: dict[tuple[dt.date, str | None], float] = field(default_factory=dict)
    totals: dict[dt.date, Amounts] = field(default_factory=dict)
    people: tuple[int, int] = (0, 0)
    running: dict[dt.date, float] = field(default_factory=dict)
    rows: int = 0
    left_out: int = 0
    unreadable: dict[str, int] = field(default_factory=dict)

    @property
    def whole(self) -> Period:
        """All days that the page uses."""
        return Period(min(self.period.before().first, self.since), self.period.last)

    @property
    def reached(self) -> dt.date:
        """The last day of the period that is loaded: as far as the running total goes."""
        days = self.freshness.days(self.period, "loaded", "in part")
        return max([*days[-1:], self.since])

    def change(self, now: float | None, before: float | None) -> float | None:
        """Return by what part something grew on the period before; ``None`` if it was not there.

        Compared are averages over the days that are loaded: a day that is missing shall not
        look like a decline.

        :param now: its sum in the period.
        :param before: its sum in the period before.
        """
        days, days_before = (
            self.freshness.days_with_figures(each) for each in (self.period, self.period.before())
        )
        if not days or not days_before or not before or before < 0:
            return None
        return ((now or 0) / days) / (before / days_before) - 1


def read_figures(
    warehouse: str,
    period: Period,
    *,
    table: str = "summary_daily",
    columns: Mapping[str, str | None] | None = None,
    plan_id: str | None = None,
    since: dt.date | None = None,
    destination: str | None = None,
    conn_id: str | None = None,
) -> Figures:
    """Read the figures of a period, and of the one before it.

    :param warehouse: path of the DuckDB file; it need not be there.
    :param period: the days shown.
    :param table: a table of daily summaries, as ``duckdb_warehouse.py`` makes it.
    :param columns: what columns are named, where it is not as in ``COLUMNS``.
    :param plan_id: only this plan; by default all of them together.
    :param since: first day of the running total, by default the period's.
    :param destination: where reports are landed, to tell what is landed but not loaded.
    :param conn_id: connection for it.
    :raises ValueError: if the table lacks a column.
    """
    import duckdb

    figures = Figures(period, table, since or period.first)
    landed = landed_summaries(destination, conn_id, figures.whole, plan_id) if destination else None
    figures.freshness = read_freshness(None, table, figures.whole, plan_id, landed)
    if Path(warehouse).exists():
        with duckdb.connect(warehouse, read_only=True) as db:
            if there := columns_of(db, table):
                chosen = _chosen(table, there, columns or {})
                _make_view(db, table, chosen, plan_id)
                _fill(figures, db, chosen)
                figures.freshness = read_freshness(db, table, figures.whole, plan_id, landed)
    return figures


# Columns


def _chosen(
    table: str, there: list[str], columns: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Return the column to read for each thing; say which one is not there."""
    if unknown := sorted(columns.keys() - COLUMNS.keys()):
        raise ValueError(
            f"columns={dict(columns)!r} names {unknown[0]!r}, which the dashboard does not know: "
            f"it takes {', '.join(COLUMNS)}."
        )
    chosen = {**COLUMNS, **columns}
    names = {name.lower() for name in there}
    for what, column in chosen.items():
        if column is None and what in OPTIONAL:
            continue
        if column is None or column.lower() not in names:
            way_out = " (or None, to leave it out)" if what in OPTIONAL else ""
            raise ValueError(
                f"The table {table!r} has no column {column!r}, where the dashboard looks for "
                f"{what!r}. Its columns: {', '.join(there)}. Name the right one{way_out} in the "
                f"parameter columns: columns={{{what!r}: '…'}}."
            )
    return chosen


def _make_view(
    db: DuckDBPyConnection, table: str, columns: Mapping[str, str | None], plan_id: str | None
) -> None:
    """Make a view of the table with dates and numbers; what can't be read as such is NULL."""

    def text(what: str) -> str:
        column = columns[what]
        return "NULL" if column is None else f"nullif(trim({quoted(column)}::VARCHAR), '')"

    def number(what: str) -> str:
        return f"TRY_CAST({text(what)} AS {_NUMBER}) AS {what}"

    where = "" if plan_id is None else f"WHERE _plan_id::VARCHAR = {_literal(plan_id)}"
    db.execute(f"""
        CREATE TEMP VIEW reports AS SELECT
            _data_date AS report_day,
            TRY_CAST({text("date")} AS TIMESTAMP)::DATE AS day,
            coalesce({text("item_type")}, '') AS item_type,
            coalesce({text("user")}, '') AS user_key,
            {text("user_name")} AS user_name,
            {number("usage")}, {number("downloads")}, {number("area")}
        FROM {quoted(table)} {where}
    """)
    db.execute(
        "CREATE TEMP VIEW readable AS FROM reports WHERE day IS NOT NULL AND usage IS NOT NULL"
    )


# Figures


def _fill(figures: Figures, db: DuckDBPyConnection, columns: Mapping[str, str | None]) -> None:
    period = figures.period
    figures.has_table = True
    figures.total = next(iter(_groups(db, period, "''", "NULL", 1)), figures.total)
    figures.item_types = _groups(db, period, "item_type", "NULL", ITEM_TYPES)
    figures.users = _groups(db, period, "user_key", "max(user_name)", USERS)
    own_bars = [group.key for group in figures.item_types if group.key is not None]
    figures.by_day = {
        (day, item_type): float(usage)
        for day, item_type, usage in db.execute(
            "SELECT day, CASE WHEN list_contains(?, item_type) THEN item_type END AS shown, "
            "sum(usage) FROM readable WHERE day BETWEEN ? AND ? GROUP BY day, shown ORDER BY ALL",
            [own_bars, period.first, period.last],
        ).fetchall()
    }
    figures.totals = {
        day: _amounts(*sums)
        for day, *sums in db.execute(
            "SELECT day, sum(usage), sum(downloads), sum(area) FROM readable "
            "WHERE day BETWEEN ? AND ? GROUP BY day ORDER BY day",
            [period.first, period.last],
        ).fetchall()
    }
    figures.running = {
        day: float(usage)
        for day, usage in db.execute(
            "SELECT day, sum(usage) FROM readable WHERE day BETWEEN ? AND ? "
            "GROUP BY day ORDER BY day",
            [figures.since, period.last],
        ).fetchall()
    }
    figures.people = db.execute(
        "SELECT count(DISTINCT user_key) FILTER (WHERE day >= $first), "
        "count(DISTINCT user_key) FILTER (WHERE day < $first) "
        "FROM readable WHERE day BETWEEN $before AND $last",
        {"before": period.before().first, "first": period.first, "last": period.last},
    ).fetchall()[0]
    _count_unreadable(figures, db, columns)


def _groups(db: DuckDBPyConnection, period: Period, key: str, name: str, limit: int) -> list[Group]:
    """Return the groups that used most in the period, and one for all others together."""
    sums = ", ".join(
        f"sum({what}) FILTER (WHERE day {when} $first) AS {what}_{which}"
        for which, when in (("now", ">="), ("before", "<"))
        for what in ("usage", "downloads", "area")
    )
    columns = [f"{a}_{b}" for b in ("now", "before") for a in ("usage", "downloads", "area")]
    found = db.execute(
        f"""
        WITH sums AS (
            SELECT {key} AS key, {name} AS name, {sums} FROM readable
            WHERE day BETWEEN $before AND $last GROUP BY key),
        ranked AS (
            SELECT *, least(row_number() OVER (
                ORDER BY usage_now DESC NULLS LAST, usage_before DESC NULLS LAST, key
            ), $limit + 1) AS place FROM sums)
        SELECT place, count(*), min(key), min(name), {", ".join(f"sum({c})" for c in columns)}
        FROM ranked GROUP BY place ORDER BY place
        """,
        {
            "before": period.before().first,
            "first": period.first,
            "last": period.last,
            "limit": limit,
        },
    )
    return [
        Group(
            key=key_there if place <= limit else None,
            name=(label or key_there or "not named") if place <= limit else f"{members:,} others",
            members=members,
            now=_amounts(*sums_there[:3]),
            before=_amounts(*sums_there[3:]),
        )
        for place, members, key_there, label, *sums_there in found.fetchall()
    ]


def _amounts(usage: Any, downloads: Any, area: Any) -> Amounts:
    return Amounts(
        float(usage or 0),
        None if downloads is None else float(downloads),
        None if area is None else float(area),
    )


def _count_unreadable(
    figures: Figures, db: DuckDBPyConnection, columns: Mapping[str, str | None]
) -> None:
    """Count the rows, and the values in them that are no date or number."""
    values = {"date": "day", "usage": "usage", "downloads": "downloads", "area": "area"}
    names = {value: columns[what] for what, value in values.items() if columns[what]}
    counts = ", ".join(f"count(*) - count({value})" for value in names)
    ((figures.rows, figures.left_out, *missing),) = db.execute(
        f"SELECT count(*), count(*) FILTER (WHERE day IS NULL OR usage IS NULL), {counts} "
        "FROM reports WHERE report_day BETWEEN ? AND ?",
        [figures.whole.first, figures.whole.last],
    ).fetchall()
    figures.unreadable = {
        str(name): count for name, count in zip(names.values(), missing, strict=True) if count
    }


def _literal(text: str) -> str:
    return "'{}'".format(text.replace("'", "''"))
