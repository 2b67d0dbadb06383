"""How far usage is on its way through a quota, and when it reaches its end at this pace."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

from airflow_provider_planet_reports.usage_page.periods import DAY, Period
from airflow_provider_planet_reports.usage_page.quotas import Quota

#: With fewer days than this no pace is worth a forecast, and none reaches further than that.
_FEWEST_DAYS, _FARTHEST_DAYS = 3, 5 * 365
#: What Planet says and what the reports say may differ by this part: Planet counts today, too.
_DRIFT = 0.01


@dataclass(frozen=True)
class Standing:
    """Where a plan stands on the last day that is loaded.

    :param quota: its quota.
    :param since: the day from which usage is added up.
    :param today: the last day that is loaded.
    :param sums: usage added up, for each day from ``since`` to ``today``.
    :param pace: usage per loaded day of the period; None where no forecast can be made.
    :param days_lacking: days since ``since`` that are not loaded.
    """

    quota: Quota
    since: dt.date
    today: dt.date
    sums: list[float]
    pace: float | None
    days_lacking: int

    @property
    def used(self) -> float:
        """What was used, as the loaded reports say."""
        return self.sums[-1]

    @property
    def used_up_on(self) -> dt.date | None:
        """The day on which the running total reached the quota."""
        amount = self.quota.amount
        days = enumerate(self.sums)
        reached = (number for number, total in days if amount is not None and total >= amount)
        number = next(reached, None)
        return None if number is None else self.since + number * DAY

    @property
    def lasts_until(self) -> dt.date | None:
        """The day on which it is used up at this pace; None where that cannot be said."""
        if self.quota.amount is None or self.used_up_on or not self.pace or self.pace <= 0:
            return None
        days = math.ceil((self.quota.amount - self.used) / self.pace)
        return self.today + days * DAY if days <= _FARTHEST_DAYS else None

    @property
    def last_drawn(self) -> dt.date:
        """The last day that a chart shows: ahead, but not farther than back."""
        farthest = self.today + (self.today - self.since)
        ends = [day for day in (self.quota.end, self.lasts_until) if day and day > self.today]
        return min(farthest, *ends) if ends else self.today

    @property
    def drifts(self) -> bool:
        """Whether Planet's figure and that of the loaded reports differ by more than 1 %."""
        says = self.quota.used
        return says is not None and abs(says - self.used) > _DRIFT * max(abs(says), abs(self.used))


def standing_of(
    quota: Quota, since: dt.date, by_day: Mapping[dt.date, float], period: Period
) -> Standing:
    """Return where a quota stands.

    :param quota: the quota.
    :param since: the day from which usage is added up.
    :param by_day: usage on each day that is loaded, from ``since`` to the end of the period.
    :param period: the days shown.
    """
    today = max(by_day, default=since)
    days = list(Period(since, today))
    shown = [usage for day, usage in by_day.items() if day in period]
    can_say = len(shown) >= _FEWEST_DAYS and not quota.under_management
    return Standing(
        quota=quota,
        since=since,
        today=today,
        sums=list(accumulate(by_day.get(day, 0.0) for day in days)),
        pace=sum(shown) / len(shown) if can_say else None,
        days_lacking=len(Period(since, period.last)) - len(by_day),
    )
