"""The days and series of reports that a check is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.zone import same_id

_CADENCES = ("daily", "monthly")


class Series(NamedTuple):
    """Reports of which there is to be one for each day, or each month.

    :param plan_id: plan; None for any.
    :param report_type: ``detailed`` or ``summary``; None for any.
    :param cadence: ``daily`` or ``monthly``.
    """

    plan_id: str | None
    report_type: str | None
    cadence: str


@dataclass(frozen=True)
class Scope:
    """What is asked for.

    :param start: first day.
    :param end: last day: at most yesterday.
    :param asked: plan, type and cadence, as far as they are given.
    :param org_id: organization, where it is given.
    :param grace_days: days after its last report on which a series is still expected to go on.
    """

    start: dt.date
    end: dt.date
    asked: Series
    org_id: str | None
    grace_days: int = 3

    @classmethod
    def of(cls, filters: Mapping[str, Any], grace_days: int = 3) -> Scope:
        """Read what is asked for from the filters of a listing, already checked.

        :param filters: the filters.
        :param grace_days: days after its last report on which a series is still expected to go on.
        :raises InvalidInput: if there is no ``start``, or a cadence without days or months.
        """
        if "start" not in filters:
            raise InvalidInput("start is required: the check needs to know its first day.")
        cadence = filters.get("cadence", "daily")
        if cadence not in _CADENCES:
            raise InvalidInput(
                f"cadence={cadence!r} cannot be checked: only days of 'daily' and months of "
                "'monthly' reports are known."
            )
        # A day's report is made when the day is over, in UTC.
        last = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
        if "end" in filters:
            last = min(last, dt.date.fromisoformat(filters["end"]))
        asked = Series(filters.get("plan_id"), filters.get("report_type"), cadence)
        return cls(
            dt.date.fromisoformat(filters["start"]), last, asked, filters.get("org_id"), grace_days
        )

    def filters(self) -> dict[str, str]:
        """Return the filters that a listing of this scope has of its own."""
        return {"cadence": self.asked.cadence, "end": self.end.isoformat()}

    @cached_property
    def periods(self) -> tuple[str, ...]:
        """The days, or the months that lie in the range as a whole."""
        return tuple(self._between(self.start, self.end))

    def expects(self, period: str, bounds: tuple[dt.date, dt.date] | None) -> bool:
        """Return whether a series has to have a report of a day or month.

        :param period: the day or month.
        :param bounds: first and last day of the series' reports; None where there are none.
        """
        if bounds is None:
            return True
        first, last = bounds
        monthly = self.asked.cadence == "monthly"
        begin = dt.date.fromisoformat(f"{period}-01" if monthly else period)
        return first <= (end_of_month(begin) if monthly else begin) and (
            begin <= last + dt.timedelta(days=self.grace_days)
        )

    def periods_in(self, days: tuple[dt.date, dt.date] | None) -> list[str]:
        """Return the days or months that a report covers; none where its days are not known."""
        if days is None:
            return []
        first, last = days
        if self.asked.cadence == "monthly":
            first, last = first.replace(day=1), end_of_month(last)
        return list(self._between(max(first, self.start), min(last, self.end)))

    def _between(self, first: dt.date, last: dt.date) -> Iterator[str]:
        for number in range((last - first).days + 1):
            day = first + dt.timedelta(days=number)
            if self.asked.cadence == "daily":
                yield day.isoformat()
            elif day.day == 1 and end_of_month(day) <= last:
                yield f"{day:%Y-%m}"

    def wants_organization(self, org_id: Any) -> bool:
        """Return whether a landed report is of the organization that is asked for."""
        return self.org_id is None or same_id(self.org_id, org_id)


def end_of_month(day: dt.date) -> dt.date:
    """Return the last day of a day's month."""
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
