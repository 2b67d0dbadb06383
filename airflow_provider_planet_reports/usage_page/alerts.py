"""What a reader has to know before the figures: what they lack, and where sources disagree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from airflow_provider_planet_reports.usage_page.figures import Figures
from airflow_provider_planet_reports.usage_page.quotas import Product
from airflow_provider_planet_reports.usage_page.sections import ALL_PLANS, Section
from airflow_provider_planet_reports.usage_page.words import (
    day_text,
    days_text,
    number_text,
    percent_text,
    period_text,
    runs_text,
)
from airflow_provider_planet_reports.warehouse.csv_files import is_no_table

#: Days after which the newest loaded day is no longer new: a day's report may be late.
_NEW = 2
#: Products or columns that an alert names.
_NAMED = 8


def alerts_of(
    figures: Figures,
    sections: Sequence[Section],
    *,
    made: dt.datetime,
    refusal: str,
    unmatched: Sequence[Product],
    unknown: Sequence[str],
) -> Iterator[str]:
    """Yield what stands at the top of the page, as text.

    :param figures: the figures.
    :param sections: the sections of the page.
    :param made: when the page is made.
    :param refusal: why Planet's account service gave no quotas; empty where it did.
    :param unmatched: products of the account that belong to no plan.
    :param unknown: plans that are named in the parameters, and have no report here.
    """
    if refusal:
        yield f"Planet did not give the quotas, so this page has none: {refusal}"
    if figures.newest is None:
        return
    age = (made.date() - figures.newest).days
    if age > _NEW:
        yield (
            f"The newest loaded day is {day_text(figures.newest)}, {days_text(age)} before this "
            "page was made."
        )
    for section in sections:
        if section.figures.missing and section.name != ALL_PLANS:
            days = section.figures.missing
            yield f"Plan {section.name} has no report of {days_text(len(days))}: {runs_text(days)}."
    both = period_text(figures.both)
    if figures.duplicates:
        are = "report of {} is" if figures.duplicates == 1 else "reports of {} are"
        yield (
            f"{figures.duplicates:,} duplicate {are.format(both)} loaded: one of each plan and day "
            "counts."
        )
    unreadable, lines = figures.unreadable
    if unreadable:
        yield (
            f"{unreadable:,} of {lines:,} lines of {both} could not be read, and are in no figure. "
            "Closing lines of a file count, too."
        )
    if unreadable and unreadable == lines:
        yield _why_no_line_is_read(figures.columns)
    elif lines and figures.user_column.casefold() not in map(str.casefold, figures.columns):
        yield (
            f"No user is named: the files have no column {figures.user_column!r}. They have the "
            f"columns {', '.join(figures.columns[:_NAMED])}; name the users' one in the parameter "
            "columns of this page's task."
        )
    if unknown:
        yield f"No report is loaded of {both} of these plans: {', '.join(unknown)}."
    yield from (drift for section in sections if (drift := _drift(section)))
    if unmatched:
        names = ", ".join(each.quota.title or each.product_id for each in unmatched[:_NAMED])
        yield (
            f"{len(unmatched)} of the account's products cannot be joined to one loaded plan by id "
            f"and term, so nothing here is compared with them, for example: {names}."
        )


def _why_no_line_is_read(columns: Sequence[str]) -> str:
    if is_no_table(columns):
        return (
            f"The only column of the files is {columns[0]!r}: they are not separated by commas, "
            "and there is no option for another delimiter. Ask Planet, or convert the files."
        )
    return (
        f"The files have the columns {', '.join(columns[:_NAMED])}. If the usage is in one that is "
        "not called usage, name it in the parameter columns of the task that loads."
    )


def _drift(section: Section) -> str:
    standing = section.standing
    if standing is None or not standing.drifts:
        return ""
    says = standing.quota.used or 0.0
    difference = abs(says - standing.used)
    text = (
        f"Plan {section.name}: Planet says {number_text(says)} used, the loaded reports say "
        f"{number_text(standing.used)} since {day_text(standing.since)}. They differ by "
        f"{number_text(difference)} ({percent_text(difference / max(says, standing.used))})"
    )
    if standing.days_lacking:
        return f"{text}. Not loaded since then: {days_text(standing.days_lacking)}."
    return f"{text}. All days since then are loaded."
