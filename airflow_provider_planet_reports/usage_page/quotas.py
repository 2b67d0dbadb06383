"""What may be used on a plan: as the user says, or as Planet's account service does."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput

#: What asks Planet, in the place of a mapping.
PLANET = "planet"
_FIELDS = ("amount", "unit", "start", "end")
_UNITS = {"sqkm": "km²"}
_AREA_STYLES = {"area under management", "aum"}


@dataclass(frozen=True)
class Quota:
    """What may be used on a plan.

    :param amount: how much; None where there is no limit, or nobody says.
    :param unit: what is counted, for example ``km²``; empty where nobody says.
    :param start: its first day; None where nobody says.
    :param end: its last day; None where nobody says.
    :param under_management: whether the plan charges the union of areas, once a year.
    :param used: what Planet says is used of it; None where Planet was not asked.
    :param title: what Planet calls the plan.
    """

    amount: float | None = None
    unit: str = ""
    start: dt.date | None = None
    end: dt.date | None = None
    under_management: bool = False
    used: float | None = None
    title: str = ""


@dataclass(frozen=True)
class Product:
    """A product of the account, as Planet describes it.

    :param product_id: its id.
    :param plans: what it has for a plan's id: a plan of one of these is its own.
    :param state: for example ``active``.
    :param quota: its quota.
    """

    product_id: str
    plans: frozenset[str]
    state: str
    quota: Quota


def given_quotas(quotas: Any) -> dict[str, Quota] | None:
    """Return quotas by plan as a user gave them; None for those of Planet.

    :param quotas: plan → amount, or plan → mapping with ``amount``, ``unit``, ``start`` and
        ``end``; the same as JSON text; ``"planet"``; or nothing.
    :raises InvalidInput: if it is none of these.
    """
    if quotas == PLANET:
        return None
    if isinstance(quotas, str) and quotas.strip():
        try:
            quotas = json.loads(quotas)
        except ValueError:
            raise InvalidInput(
                f"quotas={quotas!r} cannot be read: give a mapping of plan to amount, the same as "
                "JSON, or 'planet'."
            ) from None
    if not isinstance(quotas or {}, Mapping):
        raise InvalidInput(f"quotas={quotas!r} must be a mapping of plan to amount, or 'planet'.")
    return {str(plan): _given(str(plan), value) for plan, value in (quotas or {}).items()}


def _given(plan: str, value: Any) -> Quota:
    fields = value if isinstance(value, Mapping) else {"amount": value}
    if unknown := sorted({*map(str, fields)} - {*_FIELDS}):
        raise InvalidInput(
            f"quotas of plan {plan!r} has the unknown name {unknown[0]!r}: it may have "
            f"{', '.join(_FIELDS)}."
        )
    amount = _number(fields.get("amount"))
    if fields.get("amount") is not None and (amount is None or amount <= 0):
        raise InvalidInput(
            f"quotas of plan {plan!r} has the amount {fields['amount']!r}: it must be a number "
            "greater than 0."
        )
    days = {name: _day(fields.get(name)) for name in ("start", "end")}
    for name, day in days.items():
        if fields.get(name) and day is None:
            raise InvalidInput(
                f"quotas of plan {plan!r} has {name}={fields[name]!r}: write it as YYYY-MM-DD."
            )
    return Quota(amount, str(fields.get("unit") or ""), days["start"], days["end"])


def products_of(answer: Iterable[Mapping[str, Any]]) -> list[Product]:
    """Return the account's products. What cannot be read of one is left out of it.

    :param answer: the objects of Planet's ``my/products``.
    """
    return [
        Product(
            product_id=str(each.get("id", "")),
            plans=frozenset(
                str(each[name]) for name in ("plan_id", "billable_id") if each.get(name) is not None
            ),
            state=str(each.get("state") or ""),
            quota=Quota(
                amount=None if each.get("unlimited_quota") else _number(each.get("quota_total")),
                unit=_UNITS.get(unit := str(each.get("quota_units") or ""), unit),
                start=_day(each.get("term_start_date")),
                end=_day(each.get("term_end_date")),
                under_management=_is_area_style(each.get("quota_style")),
                used=_number(each.get("quota_used")),
                title=str(each.get("title") or each.get("name") or ""),
            ),
        )
        for each in answer
    ]


def joined(
    products: Sequence[Product], plans: Collection[str], day: dt.date
) -> tuple[dict[str, Quota], list[Product]]:
    """Join products to plans by their ids. Nothing is guessed where ids do not meet.

    Of several products of one plan it is the one whose term has the day. If that does not leave
    one, none is joined.

    :param products: the account's products.
    :param plans: ids of the plans that are loaded.
    :param day: the last day shown.
    :return: the quotas by plan, and the products that belong to no plan.
    """
    quotas: dict[str, Quota] = {}
    used: set[int] = set()
    for plan in plans:
        of_plan = [each for each in products if plan in each.plans]
        in_term = [each for each in of_plan if _has(each.quota, day)]
        found = of_plan if len(of_plan) == 1 else in_term
        if len(found) == 1:
            quotas[plan] = found[0].quota
            used |= {id(each) for each in of_plan}
    return quotas, [each for each in products if id(each) not in used]


def _has(quota: Quota, day: dt.date) -> bool:
    return (quota.start or day) <= day <= (quota.end or day)


def _is_area_style(style: Any) -> bool:
    return str(style).lower().replace("_", " ").replace("-", " ") in _AREA_STYLES


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _day(value: Any) -> dt.date | None:
    try:
        return dt.date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
