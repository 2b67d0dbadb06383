"""The figures of the page: what was used on each plan, and on all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from airflow_provider_planet_reports.usage_page.periods import Period


class Amounts(NamedTuple):
    """What was used in the period and in the one before; and on average on a day that is loaded.

    Averages of plans that are added up are those of each plan's own days: a day that is missing of
    one of them must not look like a decline.
    """

    now: float = 0.0
    before: float = 0.0
    now_a_day: float = 0.0
    before_a_day: float = 0.0

    def plus(self, other: Amounts) -> Amounts:
        """Return both added up."""
        return Amounts(*(one + more for one, more in zip(self, other, strict=True)))

    @property
    def change(self) -> float | None:
        """By what part the average of a day has changed; None where nothing can be compared."""
        return self.now_a_day / self.before_a_day - 1 if self.before_a_day > 0 else None


class Cell(NamedTuple):
    """What one user used of one item type."""

    user: str
    user_name: str
    item_type: str
    amounts: Amounts


class Month(NamedTuple):
    """What was used in a month.

    :param month: as ``YYYY-MM``.
    :param usage: what was used, up to the last day shown.
    :param days: days of it that are loaded.
    :param a_day: what was used on average on a loaded day.
    """

    month: str
    usage: float
    days: int
    a_day: float


@dataclass
class PlanFigures:
    """What was used on a plan.

    :param plan: its id.
    :param loaded: days of the period whose report is loaded.
    :param loaded_before: days of the period before whose report is loaded.
    :param missing: days of the period without a report, from the plan's first report on.
    :param cells: usage by user and item type.
    :param parts: usage by part of the period (its number) and item type.
    :param months: usage by month, the last ones.
    """

    plan: str
    loaded: set[dt.date] = field(default_factory=set)
    loaded_before: set[dt.date] = field(default_factory=set)
    missing: list[dt.date] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    parts: dict[tuple[int, str], float] = field(default_factory=dict)
    months: list[Month] = field(default_factory=list)


@dataclass
class Figures:
    """Everything that the page shows.

    :param period: the days shown.
    :param newest: the newest day that is loaded; None where none is.
    :param plans: figures by plan, for those that have a report in the period or the one before.
    :param duplicates: reports of these days that are loaded, and replaced by a later one.
    :param unreadable: lines of these days whose figure could not be read, and of how many lines.
    :param columns: the columns of the files.
    :param user_column: the column that is to name the users.
    """

    period: Period
    newest: dt.date | None
    plans: dict[str, PlanFigures] = field(default_factory=dict)
    duplicates: int = 0
    unreadable: tuple[int, int] = (0, 0)
    columns: tuple[str, ...] = ()
    user_column: str = ""

    @property
    def both(self) -> Period:
        """The period and the one before."""
        return Period(self.period.before().first, self.period.last)


def total_of(plans: Iterable[PlanFigures], name: str) -> PlanFigures:
    """Return the figures of plans whose usage has one unit, added up.

    A day counts as loaded when it is loaded of one plan.

    :param plans: the plans.
    :param name: what the sum goes by.
    """
    total = PlanFigures(name)
    months: dict[str, Month] = {}
    for plan in plans:
        total.loaded |= plan.loaded
        total.loaded_before |= plan.loaded_before
        total.missing = sorted({*total.missing, *plan.missing} - total.loaded)
        total.cells += plan.cells
        for key, usage in plan.parts.items():
            total.parts[key] = total.parts.get(key, 0.0) + usage
        for each in plan.months:
            known = months.get(each.month, Month(each.month, 0.0, 0, 0.0))
            months[each.month] = Month(
                each.month,
                known.usage + each.usage,
                max(known.days, each.days),
                known.a_day + each.a_day,
            )
    total.months = [months[name] for name in sorted(months)]
    return total
