"""From the warehouse's views to the figures of the page.

The database adds up: what comes back is a row for each group, however many lines the reports have.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.usage_page.figures import (
    Amounts,
    Cell,
    Figures,
    Month,
    PlanFigures,
)
from airflow_provider_planet_reports.usage_page.periods import Period
from airflow_provider_planet_reports.warehouse.database import Database
from airflow_provider_planet_reports.warehouse.names import OWN_COLUMNS, quoted

#: What the page takes from the files, beside what the views have, by the names that it goes by.
COLUMNS = {"user": "user_email", "user_name": "user_name"}
_TABLE = "summary_daily"
_PLAN = "coalesce(plan_id, '')"
_MONTHS = 13


def page_columns(columns: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what the files call the columns that the page takes from them.

    :param columns: those that differ from :data:`COLUMNS`.
    :raises InvalidInput: if a name is not known.
    """
    if unknown := sorted({*(columns or {})} - {*COLUMNS}):
        raise InvalidInput(
            f"columns has the unknown name {unknown[0]!r}: it may have {', '.join(COLUMNS)}. Those "
            "that the views need are named when reports are loaded."
        )
    return {**COLUMNS, **(columns or {})}


def newest_day(database: Database) -> dt.date | None:
    """Return the newest day of which a daily summary is loaded; None where none is."""
    if not database.columns_of("usage_lines"):
        return None
    newest: dt.date | None
    ((newest,),) = database.execute(
        "SELECT max(data_date) FROM current_reports WHERE table_name = %s", [_TABLE]
    )
    return newest


def read_figures(
    database: Database, period: Period, newest: dt.date | None, columns: Mapping[str, str]
) -> Figures:
    """Read the figures of a period, and of the one before it.

    :param database: the warehouse.
    :param period: the days shown.
    :param newest: what :func:`newest_day` returned.
    :param columns: what :func:`page_columns` returned.
    """
    figures = Figures(period, newest, user_column=columns["user"])
    if newest is None:
        return figures
    _read_reports(database, figures)
    plans = figures.plans
    for plan, cell in _read_cells(database, figures, columns):
        plans[plan].cells.append(cell)
    # The parts' days as a table, so that the database adds up by day, week or month alike.
    values = ", ".join(
        f"({number}, DATE '{part.first}', DATE '{part.last}')"
        for number, part in enumerate(period.parts())
    )
    for plan, number, item_type, usage in database.execute(
        f"SELECT {_PLAN}, part.number, coalesce(item_type, ''), sum(usage) FROM usage_daily "
        f"JOIN (VALUES {values}) AS part (number, first_day, last_day) "
        "ON day BETWEEN part.first_day AND part.last_day "
        "GROUP BY 1, 2, 3 HAVING count(usage) > 0 ORDER BY 1, 2, 3"
    ):
        plans[plan].parts[number, item_type] = usage
    _read_months(database, figures)
    return figures


def usage_by_day(database: Database, plan: str, period: Period) -> dict[dt.date, float]:
    """Return a plan's usage on each day that is loaded.

    :param database: the warehouse.
    :param plan: its id.
    :param period: the days wanted.
    """
    rows = database.execute(
        "SELECT data_date, coalesce(sum(usage), 0) FROM current_reports AS report "
        "LEFT JOIN usage_daily AS line ON line.day = data_date "
        "AND line.plan_id IS NOT DISTINCT FROM report.plan_id "
        "WHERE table_name = %s AND coalesce(report.plan_id, '') = %s "
        "AND data_date BETWEEN %s AND %s GROUP BY 1 ORDER BY 1",
        [_TABLE, plan, period.first, period.last],
    )
    return dict(rows)


def _read_reports(database: Database, figures: Figures) -> None:
    """Read which days are loaded, of which plans; and what is wrong with them."""
    both = [figures.both.first, figures.both.last]
    first_days: dict[str, dt.date] = {}
    for plan, day, first in database.execute(
        f"SELECT * FROM (SELECT {_PLAN}, data_date AS day, min(data_date) OVER (PARTITION BY "
        "plan_id) FROM current_reports WHERE table_name = %s AND data_date IS NOT NULL) AS reports "
        "WHERE day BETWEEN %s AND %s ORDER BY 1, 2",
        [_TABLE, *both],
    ):
        its = figures.plans.setdefault(plan, PlanFigures(plan))
        (its.loaded if day in figures.period else its.loaded_before).add(day)
        first_days[plan] = first
    for plan, its in figures.plans.items():
        its.missing = [
            day for day in figures.period if day not in its.loaded and day > first_days[plan]
        ]
    ((figures.duplicates,),) = database.execute(
        "SELECT count(*) FROM loaded_reports WHERE table_name = %s AND data_date BETWEEN %s AND %s "
        "AND load_id NOT IN (SELECT load_id FROM current_reports)",
        [_TABLE, *both],
    )
    ((unreadable, lines),) = database.execute(
        "SELECT coalesce(sum(unreadable), 0), coalesce(sum(rows), 0) FROM usage_daily "
        "WHERE day BETWEEN %s AND %s",
        both,
    )
    figures.unreadable = (int(unreadable), int(lines))
    theirs = database.columns_of(_TABLE).values()
    figures.columns = tuple(name for name in theirs if name not in OWN_COLUMNS)


def _read_cells(
    database: Database, figures: Figures, columns: Mapping[str, str]
) -> Iterator[tuple[str, Cell]]:
    there = database.columns_of(_TABLE)

    def text(name: str) -> str:
        actual = there.get(columns[name].casefold())
        return "''" if actual is None else f"coalesce(trim(report.{quoted(actual)}), '')"

    # Without parameters: a column's name may have a percent sign, which drivers would read.
    first = f"DATE '{figures.period.first}'"
    rows = database.execute(
        f"SELECT {_PLAN}, {text('user')}, max({text('user_name')}), "
        "coalesce(line.item_type, ''), "
        f"sum(CASE WHEN day >= {first} THEN line.usage ELSE 0 END), "
        f"sum(CASE WHEN day < {first} THEN line.usage ELSE 0 END) "
        f"FROM usage_lines AS line JOIN {_TABLE} AS report "
        "ON report._load_id = line._load_id AND report._row = line._row "
        f"WHERE day BETWEEN DATE '{figures.both.first}' AND DATE '{figures.both.last}' "
        "AND line.usage IS NOT NULL GROUP BY 1, 2, 4 ORDER BY 1, 2, 4"
    )
    for plan, user, user_name, item_type, now, before in rows:
        its = figures.plans[plan]
        rates = (now / max(len(its.loaded), 1), before / max(len(its.loaded_before), 1))
        yield plan, Cell(user, user_name, item_type, Amounts(now, before, *rates))


def _read_months(database: Database, figures: Figures) -> None:
    last = figures.period.last
    month, number = "substr(CAST({} AS TEXT), 1, 7)", last.year * 12 + last.month - _MONTHS
    first = dt.date(number // 12, number % 12 + 1, 1)
    usage = {
        (plan, name): amount
        for plan, name, amount in database.execute(
            f"SELECT {_PLAN}, {month.format('day')}, sum(usage) FROM usage_daily "
            "WHERE day BETWEEN %s AND %s GROUP BY 1, 2",
            [first, last],
        )
    }
    for plan, name, days in database.execute(
        f"SELECT {_PLAN}, {month.format('data_date')}, count(DISTINCT data_date) "
        "FROM current_reports WHERE table_name = %s AND data_date BETWEEN %s AND %s "
        "GROUP BY 1, 2 ORDER BY 1, 2",
        [_TABLE, first, last],
    ):
        if plan in figures.plans:
            amount = usage.get((plan, name)) or 0.0
            figures.plans[plan].months.append(Month(name, amount, days, amount / days))
