"""The sections of the page: one for each plan, and one for all of them where their unit is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce

from airflow_provider_planet_reports.usage_page.figures import (
    Amounts,
    Cell,
    Figures,
    PlanFigures,
    total_of,
)
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
    :param amounts: what was used.
    :param by_item_type: what was used in the period, by item type.
    :param is_others: whether it is all others together.
    :param bar: length of its bar in percent, at most 100.
    :param is_cut: whether its bar would be longer.
    """

    key: str
    name: str
    amounts: Amounts = field(default_factory=Amounts)
    by_item_type: dict[str, float] = field(default_factory=dict)
    is_others: bool = False
    bar: float = 0.0
    is_cut: bool = False

    def add(self, amounts: Amounts, by_item_type: Mapping[str, float]) -> None:
        """Add what was used."""
        self.amounts = self.amounts.plus(amounts)
        for item_type, usage in by_item_type.items():
            self.by_item_type[item_type] = self.by_item_type.get(item_type, 0.0) + usage


@dataclass
class Section:
    """What the page shows of a plan, or of all.

    :param name: the plan's id, or ``All plans``.
    :param figures: its figures.
    :param quota: what is known of the plan, be it the unit alone.
    :param standing: where its quota stands; None without one.
    """

    name: str
    figures: PlanFigures
    quota: Quota
    standing: Standing | None = None

    @property
    def unit(self) -> str:
        """What is counted; empty where that is not known."""
        return self.quota.unit

    @property
    def days(self) -> tuple[int, int]:
        """How many days of the period are loaded, and of the one before."""
        return len(self.figures.loaded), len(self.figures.loaded_before)

    @cached_property
    def amounts(self) -> Amounts:
        """What was used."""
        return reduce(Amounts.plus, (cell.amounts for cell in self.figures.cells), Amounts())

    @cached_property
    def item_types(self) -> list[Group]:
        """The item types, the most used first."""
        return _groups(self.figures.cells, lambda cell: (cell.item_type, cell.item_type))

    @cached_property
    def users(self) -> list[Group]:
        """The users, those who used most first."""
        return _groups(self.figures.cells, lambda cell: (cell.user, cell.user_name or cell.user))

    @cached_property
    def changes(self) -> list[tuple[str, str, Amounts]]:
        """Users and item types whose average of a day changed most; none where none compares."""
        if not all(self.days):
            return []
        pairs: dict[tuple[str, str], Amounts] = {}
        for cell in self.figures.cells:
            key = (cell.user or _UNNAMED, cell.item_type or _UNNAMED)
            pairs[key] = pairs.get(key, Amounts()).plus(cell.amounts)
        changes = [
            (*key, each) for key, each in pairs.items() if each.now_a_day != each.before_a_day
        ]
        changes.sort(key=lambda each: (-abs(each[2].now_a_day - each[2].before_a_day), each[:2]))
        return changes[:CHANGES]


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
        sections.append(Section(each.plan, each, quota, standings.get(each.plan)))
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
    return [Section(ALL_PLANS, total, Quota(unit=units.pop())), *sections], ""


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
            rest.add(group.amounts, group.by_item_type)
        first.append(rest)
    longest = max((group.amounts.now for group in groups[:most]), default=0.0)
    for group in first:
        part = group.amounts.now / longest if longest > 0 else 0.0
        group.bar, group.is_cut = min(max(part, 0.0), 1.0) * 100, part > 1
    return first


def _groups(cells: Iterable[Cell], key: Callable[[Cell], tuple[str, str]]) -> list[Group]:
    groups: dict[str, Group] = {}
    for cell in cells:
        value, name = key(cell)
        group = groups.setdefault(value, Group(value, name or _UNNAMED))
        group.add(cell.amounts, {cell.item_type: cell.amounts.now})
    return sorted(
        groups.values(), key=lambda each: (-each.amounts.now, -each.amounts.before, each.key)
    )
