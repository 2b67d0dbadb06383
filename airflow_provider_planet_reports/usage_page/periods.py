"""The days that a page shows, and the days, weeks or months that its charts divide them into."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

DAY = dt.timedelta(days=1)
#: The longest period whose charts have a bar for each day, and for each week; then it is months.
_LONGEST_BY_DAY, _LONGEST_BY_WEEK = 62, 371


@dataclass(frozen=True)
class Period:
    """Days from the first to the last, both included."""

    first: dt.date
    last: dt.date

    @classmethod
    def of(cls, days: int, last: dt.date) -> Period:
        """Return the period of a number of days that ends on a day."""
        return cls(last - (days - 1) * DAY, last)

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[dt.date]:
        return (self.first + number * DAY for number in range(len(self)))

    def __contains__(self, day: dt.date) -> bool:
        return self.first <= day <= self.last

    def before(self) -> Period:
        """Return the period of the same length right before this one."""
        return Period.of(len(self), self.first - DAY)

    @property
    def kind(self) -> str:
        """What one bar of a chart stands for: ``day``, ``week`` or ``month``."""
        if len(self) <= _LONGEST_BY_DAY:
            return "day"
        return "week" if len(self) <= _LONGEST_BY_WEEK else "month"

    def parts(self) -> list[Period]:
        """Return the days, weeks or months that charts divide this period into.

        Weeks are seven days each, counted back from the last day, so only the first may be
        shorter. Months are calendar months; the first and the last may be shorter.
        """
        if self.kind == "day":
            return [Period(day, day) for day in self]
        parts: list[Period] = []
        last = self.last
        while last >= self.first:
            first = last - 6 * DAY if self.kind == "week" else last.replace(day=1)
            parts.append(Period(max(first, self.first), last))
            last = first - DAY
        return parts[::-1]
