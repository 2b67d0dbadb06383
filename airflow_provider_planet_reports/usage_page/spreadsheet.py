"""Everything that the page shows, as CSV: one amount in each row."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Sequence
from typing import Any

from airflow_provider_planet_reports.usage_page.figures import Figures
from airflow_provider_planet_reports.usage_page.periods import DAY
from airflow_provider_planet_reports.usage_page.sections import Section

_COLUMNS = (
    "figure", "plan", "unit", "first_day", "last_day", "user", "user_name", "item_type", "amount",
)  # fmt: skip
#: What a spreadsheet would take for a formula, at the beginning of a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(figures: Figures, sections: Sequence[Section]) -> bytes:
    """Return the file.

    A text that begins like a formula gets an apostrophe in front, as spreadsheets write it.

    :param figures: the figures.
    :param sections: the sections of the page.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for section in sections:
        for figure, first, last, user, user_name, item_type, amount in _rows(figures, section):
            texts = (section.name, section.unit, first, last, user, user_name, item_type)
            writer.writerow([figure, *map(_safe, texts), amount])
    return text.getvalue().encode()


def _rows(figures: Figures, section: Section) -> Iterator[tuple[Any, ...]]:
    period, before, its = figures.period, figures.period.before(), section.figures
    days, days_before = section.days
    yield "loaded days", period.first, period.last, "", "", "", days
    yield "loaded days", before.first, before.last, "", "", "", days_before
    for day in its.missing:
        yield "missing day", day, day, "", "", "", 1
    parts = period.parts()
    for (number, item_type), usage in sorted(its.parts.items()):
        part = parts[number]
        yield f"usage by {period.kind}", part.first, part.last, "", "", item_type, usage
    for cell in its.cells:
        who = (cell.user, cell.user_name, cell.item_type)
        yield "usage by user", period.first, period.last, *who, cell.amounts.now
        yield "usage by user", before.first, before.last, *who, cell.amounts.before
    for month in its.months:
        first = dt.date.fromisoformat(f"{month.month}-01")
        last = min((first + 31 * DAY).replace(day=1) - DAY, period.last)
        yield "usage by month", first, last, "", "", "", month.usage
        yield "loaded days of month", first, last, "", "", "", month.days
    if section.standing:
        quota, since, today = section.standing.quota, section.standing.since, section.standing.today
        for name, amount in (
            ("quota", quota.amount),
            ("used, loaded reports", section.standing.used),
            ("used, Planet", quota.used),
        ):
            if amount is not None:
                yield name, since, today, "", "", "", amount


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
