"""How far usage is on its way through a quota, and when it gets to its end if it goes on so."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from usage_figures import Figures
from usage_freshness import Period

#: With fewer days than this no pace is worth a forecast, and none reaches further than that.
_FEWEST_DAYS, _FARTHEST_DAYS = 3, 5 * 365


@dataclass(frozen=True)
class Quota:
    """Where a quota stands at the end of the figures' period.

    :param amount: the quota.
    :param since: its first day.
    :param until: its last day, where it has one.
    :param today: the last day that is loaded.
    :param used: what was used of it.
    :param used_up_on: day on which the running total came to the quota.
    :param pace: usage per loaded day of the period; 0 where there are too few for a forecast.
    :param days_lacking: days since its first that are not loaded.
    """

    amount: float
    since: dt.date
    until: dt.date | None
    today: dt.date
    used: float
    used_up_on: dt.date | None
    pace: float
    days_lacking: int

    @property
    def lasts_until(self) -> dt.date | None:
        """The day on which it is used up at this pace; ``None`` where that can't be said."""
        if self.used_up_on or self.pace <= 0:
            return None
        days = math.ceil((self.amount - self.used) / self.pace)
        return self.today + dt.timedelta(days=days) if days <= _FARTHEST_DAYS else None

    def forecast(self, day: dt.date) -> float:
        """Return what is used by a later day, at this pace."""
        return self.used + self.pace * max((day - self.today).days, 0)

    def last_drawn(self) -> dt.date:
        """Return the last day that a chart shows: ahead, but not farther than back."""
        farthest = self.today + (self.today - self.since)
        ends = [day for day in (self.until, self.lasts_until) if day and day > self.today]
        return min([farthest, *ends[:1]]) if ends else self.today


# [START howto_dashboard_quota]
def stand(figures: Figures, amount: float, until: dt.date | None = None) -> Quota:
    """Return where a quota stands that began with the figures' running total.

    :param figures: what was used.
    :param amount: the quota.
    :param until: its last day.
    """
    used, used_up_on = 0.0, None
    for day, usage in figures.running.items():
        used += usage
        if used >= amount and used_up_on is None:
            used_up_on = day
    days = figures.freshness.days_with_figures(figures.period)
    return Quota(
        amount=amount,
        since=figures.since,
        until=until,
        today=figures.reached,
        used=used,
        used_up_on=used_up_on,
        pace=figures.total.now.usage / days if days >= _FEWEST_DAYS else 0.0,
        days_lacking=len(
            figures.freshness.days(
                Period(figures.since, figures.period.last), "landed", "missing", "in part"
            )
        ),
    )
    # [END howto_dashboard_quota]
