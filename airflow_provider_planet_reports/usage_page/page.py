"""The page: one HTML file that runs and fetches nothing, from a template and a style sheet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from airflow_provider_planet_reports.usage_page import charts, words
from airflow_provider_planet_reports.usage_page.figures import Figures
from airflow_provider_planet_reports.usage_page.periods import Period
from airflow_provider_planet_reports.usage_page.sections import (
    ALL_PLANS,
    ITEM_TYPES,
    MOST_PLANS,
    USERS,
    Section,
    shown,
)

_FOLDER = Path(__file__).parent


def page_of(
    figures: Figures,
    sections: Sequence[Section],
    *,
    alerts: Sequence[str],
    no_total: str,
    title: str,
    note: str,
    made: dt.datetime,
) -> str:
    """Return the page.

    :param figures: what it shows.
    :param sections: its sections.
    :param alerts: what stands at its top.
    :param no_total: why there is no section of all plans.
    :param title: its heading.
    :param note: a line above the heading.
    :param made: when it is made.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_FOLDER),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=words.number_text, percent=words.percent_text, change=words.change_text,
        day=words.day_text, days=words.days_text, period=words.period_text,
        breakable=words.breakable, month=words.month_text,
    )  # fmt: skip
    # Of more plans than there is room for, those with the largest figures.
    largest = sorted(sections, key=lambda each: -each.amounts.now)[: MOST_PLANS + 1]
    return environment.get_template("page.html.j2").render(
        figures=figures,
        period=figures.period,
        sections=sections,
        detailed=[_Detail(each, figures.period) for each in sections if each in largest],
        alerts=alerts,
        no_total=no_total,
        title=title,
        note=note,
        made=made,
        all_plans=ALL_PLANS,
        style=Markup(_style()),  # noqa: S704 - ours
    )


class _Detail:
    """What the template needs of a section: its groups, each with its colour, and its charts.

    :param section: the section.
    :param period: the days shown.
    """

    def __init__(self, section: Section, period: Period) -> None:
        from markupsafe import Markup

        self.section = section
        self.users = shown(section.users, USERS)
        every = section.item_types
        self.item_types = shown(every, ITEM_TYPES)
        named = [group.key for group in every[:ITEM_TYPES]]
        colours = [*charts.SERIES[: len(named)], "others"]
        self.coloured = list(zip(self.item_types, colours, strict=False))
        self.columns = named
        self.has_others = len(every) > ITEM_TYPES
        self.by_part = [
            (part, self._cells(number), all(day in section.figures.missing for day in part))
            for number, part in enumerate(period.parts())
        ]
        months = section.figures.months
        self.months = [
            (now, now.a_day / before.a_day - 1 if before and before.a_day > 0 else None)
            for before, now in zip([None, *months], months, strict=False)
        ]
        self.usage_chart = [
            Markup(svg)  # noqa: S704 - no text of a report is in it
            for svg in charts.usage_chart(section.figures, period, named)
        ]
        self.quota_chart = (
            [Markup(svg) for svg in charts.quota_chart(section.standing, section.name)]  # noqa: S704
            if section.standing
            else []
        )

    def cells(self, by_item_type: dict[str, float]) -> list[float]:
        """Return amounts in the order of the columns, those of the others added up at the end."""
        amounts = [by_item_type.get(name, 0.0) for name in self.columns]
        others = sum(usage for name, usage in by_item_type.items() if name not in self.columns)
        return [*amounts, others] if self.has_others else amounts

    def _cells(self, number: int) -> list[float]:
        parts = self.section.figures.parts.items()
        return self.cells({name: usage for (place, name), usage in parts if place == number})


def _style() -> str:
    light, dark = (
        "".join(f"--{name}:{pair[which]};" for name, pair in charts.COLOURS.items())
        for which in (0, 1)
    )
    style = (_FOLDER / "page.css").read_text(encoding="utf-8")
    return style.replace("/*light*/", light).replace("/*dark*/", dark)
