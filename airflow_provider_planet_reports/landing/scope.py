"""The days and series of reports that a check is about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.layout import ReportKey

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
        """The days, or the months that lie in the range as a whole, in order."""
        number = (self.end - self.start).days + 1
        days = [self.start + dt.timedelta(days=each) for each in range(number)]
        if self.asked.cadence == "monthly":
            days = [day for day in days if day.day == 1 and end_of_month(day) <= self.end]
        return tuple(map(self._period, days))

    def period_of(self, key: ReportKey) -> str:
        """Return the day or month of the first day of a report's data, empty where it has none."""
        try:
            return self._period(dt.date.fromisoformat(key.data_date or ""))
        except ValueError:
            return ""

    def expected(self, first: str, last: str) -> tuple[str, ...]:
        """Return the periods for which a series has to have a report.

        :param first: day or month of its first report.
        :param last: day or month of its last report.
        """
        day = dt.date.fromisoformat(f"{last}-01"[: len("2026-11-01")])
        if self.asked.cadence == "monthly":
            day = end_of_month(day)
        until = self._period(day + dt.timedelta(days=self.grace_days))
        return tuple(period for period in self.periods if first <= period <= until)

    def _period(self, day: dt.date) -> str:
        """Return a day as ``YYYY-MM-DD``, or its month as ``YYYY-MM``."""
        return day.isoformat()[: 7 if self.asked.cadence == "monthly" else 10]


def end_of_month(day: dt.date) -> dt.date:
    """Return the last day of a day's month."""
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
