"""The sections of the page: one for each plan, and one for all of them where their unit is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from airflow_provider_planet_reports.usage_page.figures import (
    Cell,
    Figures,
    PlanFigures,
    change_per_day,
    total_of,
)
from airflow_provider_planet_reports.usage_page.periods import Period
from airflow_provider_planet_reports.usage_page.quotas import Quota
from airflow_provider_planet_reports.usage_page.standing import Standing

ALL_PLANS = "All plans"
#: Plans that get a section of their own. The table of plans, and the CSV, have all.
MOST_PLANS = 12
#: Item types with a colour and a column, users with a row, and changes with one.
ITEM_TYPES, USERS, CHANGES = 6, 12, 6
_UNNAMED = "(not named)"


@dataclass
class Group:
    """An item type or a user, or all others together.

    :param key: what it goes by in the reports; empty for others.
    :param name: what people call it.
    :param now: what was used in the period.
    :param before: what was used in the one before.
    :param by_item_type: what was used in the period, by item type.
    :param is_others: whether it is all others together.
    :param bar: length of its bar in percent, at most 100.
    :param is_cut: whether its bar would be longer.
    """

    key: str
    name: str
    now: float = 0.0
    before: float = 0.0
    by_item_type: dict[str, float] = field(default_factory=dict)
    is_others: bool = False
    bar: float = 0.0
    is_cut: bool = False


class Change(NamedTuple):
    """How much a user's usage of an item type changed, per loaded day."""

    user: str
    item_type: str
    before: float
    now: float


@dataclass
class Section:
    """What the page shows of a plan, or of all.

    :param name: the plan's id, or ``All plans``.
    :param figures: its figures.
    :param days: days of the period that are loaded, and of the one before.
    :param quota: what is known of the plan, be it the unit alone.
    :param standing: where its quota stands; None without one.
    """

    name: str
    figures: PlanFigures
    days: tuple[int, int]
    quota: Quota
    standing: Standing | None = None

    @property
    def unit(self) -> str:
        """What is counted; empty where that is not known."""
        return self.quota.unit

    @property
    def now(self) -> float:
        """What was used in the period."""
        return sum(cell.now for cell in self.figures.cells)

    @property
    def before(self) -> float:
        """What was used in the period before."""
        return sum(cell.before for cell in self.figures.cells)

    def change(self, now: float, before: float) -> float | None:
        """Return by what part a day's average changed; None where nothing can be compared."""
        return change_per_day(now, self.days[0], before, self.days[1])

    def item_types(self) -> list[Group]:
        """Return the item types, the most used first."""
        return _groups(self.figures.cells, lambda cell: (cell.item_type, cell.item_type))

    def users(self) -> list[Group]:
        """Return the users, those who used most first."""
        return _groups(self.figures.cells, lambda cell: (cell.user, cell.user_name or cell.user))

    def changes(self) -> list[Change]:
        """Return what changed most; nothing where there is no period before to compare with."""
        days, days_before = self.days
        if not days or not days_before:
            return []
        sums: dict[tuple[str, str], tuple[float, float]] = {}
        for cell in self.figures.cells:
            before, now = sums.get((cell.user, cell.item_type), (0.0, 0.0))
            sums[cell.user, cell.item_type] = (
                before + cell.before / days_before,
                now + cell.now / days,
            )
        changes = [
            Change(user or _UNNAMED, item_type or _UNNAMED, *amounts)
            for (user, item_type), amounts in sums.items()
        ]
        changes.sort(key=lambda each: (-abs(each.now - each.before), each.user, each.item_type))
        return [each for each in changes if each.now != each.before][:CHANGES]


def sections_of(
    figures: Figures,
    quotas: Mapping[str, Quota],
    standings: Mapping[str, Standing],
) -> tuple[list[Section], str]:
    """Return the sections, that of all plans first; and why there is none of all plans.

    :param figures: the figures.
    :param quotas: what is known of the plans.
    :param standings: where the plans' quotas stand.
    """
    plans = sorted(figures.plans.values(), key=lambda each: (len(each.plan), each.plan))
    sections = []
    for each in plans:
        quota = quotas.get(each.plan, Quota())
        days = _days(figures.period, each)
        standing = standings.get(each.plan)
        sections.append(Section(each.plan, each, days, quota, standing))
    if len(sections) < 2:
        return sections, ""
    if any(each.quota.under_management for each in sections):
        return sections, "a plan that charges area under management cannot be added to others"
    units = {each.unit for each in sections}
    if "" in units:
        return sections, "the plans' units are not all known, and what differs cannot be added"
    if len(units) > 1:
        return sections, f"the plans' units differ: {', '.join(sorted(units))}"
    total = total_of(plans, ALL_PLANS)
    days = _days(figures.period, total)
    return [Section(ALL_PLANS, total, days, Quota(unit=units.pop())), *sections], ""


def _days(period: Period, figures: PlanFigures) -> tuple[int, int]:
    now = sum(day in period for day in figures.loaded)
    return now, len(figures.loaded) - now


def shown(groups: Sequence[Group], most: int) -> list[Group]:
    """Return the first groups, and all others together as one, each with the length of its bar.

    The longest bar is that of a group with a name: others that are more get a bar that is cut.

    :param groups: the groups.
    :param most: how many have a name.
    """
    first, others = list(groups[:most]), groups[most:]
    if others:
        rest = Group("", f"{len(others):,} other{'s' * (len(others) > 1)}", is_others=True)
        for group in others:
            _add(rest, group.now, group.before, group.by_item_type)
        first.append(rest)
    longest = max((group.now for group in groups[:most]), default=0.0)
    for group in first:
        part = group.now / longest if longest > 0 else 0.0
        group.bar, group.is_cut = min(max(part, 0.0), 1.0) * 100, part > 1
    return first


def _groups(cells: Iterable[Cell], key: Callable[[Cell], tuple[str, str]]) -> list[Group]:
    groups: dict[str, Group] = {}
    for cell in cells:
        value, name = key(cell)
        group = groups.setdefault(value, Group(value, name or _UNNAMED))
        _add(group, cell.now, cell.before, {cell.item_type: cell.now})
    return sorted(groups.values(), key=lambda each: (-each.now, -each.before, each.key))


def _add(group: Group, now: float, before: float, by_item_type: Mapping[str, float]) -> None:
    group.now += now
    group.before += before
    for item_type, usage in by_item_type.items():
        group.by_item_type[item_type] = group.by_item_type.get(item_type, 0.0) + usage
