"""How figures and days are written, on the page and in its charts."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from airflow_provider_planet_reports.usage_page.periods import Period

if TYPE_CHECKING:
    from markupsafe import Markup

_MOST_RUNS = 8
DASH = "\N{EN DASH}"


def day_text(day: dt.date) -> str:
    """Return a day as people write it: 24 Nov 2026."""
    return f"{day.day} {day:%b %Y}"


def month_text(month: str) -> str:
    """Return a month, given as YYYY-MM, as people write it: Nov 2026."""
    return f"{dt.date.fromisoformat(f'{month}-01'):%b %Y}"


def period_text(period: Period) -> str:
    """Return a period as people write it: first day, dash, last day."""
    first, last = period.first, period.last
    if first == last:
        return day_text(last)
    if first.year != last.year:
        return f"{day_text(first)} {DASH} {day_text(last)}"
    start = str(first.day) if first.month == last.month else f"{first.day} {first:%b}"
    return f"{start} {DASH} {day_text(last)}"


def days_text(number: int) -> str:
    """Return a number of days in words."""
    return "1 day" if number == 1 else f"{number:,} days"


def runs_text(days: Sequence[dt.date]) -> str:
    """Return days as text, those in a row as first and last; the first ones of many."""
    numbered = groupby(enumerate(days), lambda each: each[1].toordinal() - each[0])
    runs = [[day for _, day in run] for _, run in numbered]
    texts = [period_text(Period(run[0], run[-1])) for run in runs[:_MOST_RUNS]]
    more = sum(map(len, runs[_MOST_RUNS:]))
    return ", ".join([*texts, f"and {days_text(more)} more"] if more else texts)


def number_text(amount: float | None) -> str:
    """Return an amount with as many digits as are of use."""
    if amount is None:
        return DASH
    return f"{amount:,.0f}" if abs(amount) >= 100 or amount == int(amount) else f"{amount:,.2f}"


def breakable(name: str) -> Markup:
    """Return a name as HTML that may be broken where a capital follows: SkySat, Collect."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=_)", "<wbr>", str(escape(name))))  # noqa: S704


def percent_text(part: float) -> str:
    """Return a part of 1 as percent, small ones with a digit more."""
    return f"{part:.0%}" if abs(part) >= 0.1 or not part else f"{part:.1%}"


def change_text(change: float | None) -> str:
    """Return a change with an arrow."""
    if change is None:
        return DASH
    arrow = "▲" if change >= 0.0005 else "▼" if change <= -0.0005 else "="
    return f"{arrow} {abs(change):,.1%}"


def short_text(amount: float) -> str:
    """Return an amount as it fits a chart: 950, 12.3k, 4.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= 0.9995 * size:  # it would be rounded up to it
            return f"{amount / size:.3g}{unit}"
    return f"{amount:.3g}"
