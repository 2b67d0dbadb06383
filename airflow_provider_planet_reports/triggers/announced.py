"""What a watcher has announced: remembered in little space, for ever."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any

from airflow_provider_planet_reports.client.report import Report

#: Reports remembered at most: about 220 kB of state. Where more are watched, the days of the
#: oldest ones are watched no longer.
MOST_REMEMBERED = 20_000
_DIGEST_SIZE = 8
_FORMAT = 1


class Announced:
    """The reports announced so far, by the first day of their data.

    No order of a listing and no date is trusted to tell what is new, since reports may come
    late: every report of a day that is still watched is remembered, by a digest of its id.

    :param floor: first day that is watched.
    """

    def __init__(self, floor: dt.date) -> None:
        self.floor = floor
        self._days: dict[str, set[bytes]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._days.values()))

    def not_yet(self, reports: Iterable[Report]) -> list[Report]:
        """Return the reports of watched days that have not been announced."""
        return [
            report
            for report in reports
            if (day := _day(report)) >= self.floor.isoformat()
            and _digest(report) not in self._days.get(day, ())
        ]

    def add(self, reports: Iterable[Report]) -> None:
        """Take note that reports are announced."""
        for report in reports:
            self._days.setdefault(_day(report), set()).add(_digest(report))
        while len(self) > MOST_REMEMBERED and len(self._days) > 1:
            oldest = min(self._days)
            del self._days[oldest]
            self.raise_floor(dt.date.fromisoformat(oldest) + dt.timedelta(days=1))

    def raise_floor(self, floor: dt.date) -> None:
        """Stop watching the days before another one, and forget their reports."""
        self.floor = max(self.floor, floor)
        first = self.floor.isoformat()
        self._days = {day: digests for day, digests in self._days.items() if day >= first}

    def to_state(self) -> dict[str, Any]:
        """Return what is to be kept, as JSON-safe object."""
        days = {
            day: base64.b64encode(b"".join(sorted(self._days[day]))).decode()
            for day in sorted(self._days)
        }
        return {"format": _FORMAT, "floor": self.floor.isoformat(), "days": days}

    @classmethod
    def from_state(cls, state: Any, floor: dt.date) -> Announced:
        """Read what was kept.

        :param state: what :meth:`to_state` returned; None where nothing was.
        :param floor: first day that is watched, where the state knows of no later one.
        :raises ValueError: if it is something else.
        """
        announced = cls(floor)
        if state is None:
            return announced
        try:
            for day, text in state["days"].items():
                digests = base64.b64decode(text, validate=True)
                dt.date.fromisoformat(day)
                announced._days[day] = {
                    digests[at : at + _DIGEST_SIZE] for at in range(0, len(digests), _DIGEST_SIZE)
                }
            announced.raise_floor(dt.date.fromisoformat(state["floor"]))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no state of a watcher: {error!r}") from None
        return announced


def _day(report: Report) -> str:
    """Return the first day of a report's data; one without any counts as of the last of days."""
    day = report.data_date_start
    try:
        return dt.date.fromisoformat(str(day)).isoformat()
    except ValueError:
        return dt.date.max.isoformat()


def _digest(report: Report) -> bytes:
    return hashlib.sha256(report.report_id.encode("utf-8", "surrogatepass")).digest()[:_DIGEST_SIZE]
