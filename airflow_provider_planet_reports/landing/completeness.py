"""Whether a day is missing: what Planet lists, what is landed, and what is loaded."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.zone import LandingZone, same_id

if TYPE_CHECKING:
    from airflow_provider_planet_reports.client.report import Report

log = logging.getLogger(__name__)

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
class Gap:
    """A day or month of a series that is not complete.

    :param period: the day, ``2026-11-23``, or the month, ``2026-11``.
    :param plan_id: plan; None where any was asked for and none was found.
    :param report_type: ``detailed`` or ``summary``; None where any was asked for and none was
        found.
    :param cadence: ``daily`` or ``monthly``.
    :param state: ``no report`` (Planet has none, and none is landed), ``not landed`` or
        ``not loaded`` (but landed).
    :param report_id: the report; None where there is none.
    """

    period: str
    plan_id: str | None
    report_type: str | None
    cadence: str
    state: Literal["no report", "not landed", "not loaded"]
    report_id: str | None = None


@dataclass(frozen=True)
class Completeness:
    """What there is of a range of days.

    :param start: first day, ``YYYY-MM-DD``.
    :param end: last day, ``YYYY-MM-DD``.
    :param cadence: ``daily`` or ``monthly``.
    :param periods: the days, or the whole months, in that range.
    :param reports: reports there are: at Planet, or landed though Planet lists them no more.
    :param landed: how many of them are landed.
    :param loaded: how many of them are loaded; None where that was not asked.
    :param gaps: what is missing, by period.
    """

    start: str
    end: str
    cadence: str
    periods: tuple[str, ...]
    reports: int
    landed: int
    loaded: int | None
    gaps: tuple[Gap, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe object."""
        return {**asdict(self), "periods": [*self.periods], "gaps": [*map(asdict, self.gaps)]}

    def periods_that(self, *states: str) -> tuple[str, ...]:
        """Return the days or months that are in any of some states, in order.

        :param states: of :class:`Gap`; by default all.
        """
        found = {gap.period for gap in self.gaps if not states or gap.state in states}
        return tuple(sorted(found))


def completeness(
    scope: Scope, listed: Iterable[Report], zone: LandingZone, loaded: Collection[str] | None = None
) -> Completeness:
    """Say what a range of days lacks, for each plan and type of report that there is in it.

    :param scope: what is asked for.
    :param listed: what Planet lists for it. Listed before this is called, so that what is landed
        meanwhile is not called missing.
    :param zone: the landing zone.
    :param loaded: ids of the reports that are loaded, where that is to be compared as well.
    :return: how many reports there are, and what is missing, by day or month.
    :raises DestinationError: if the destination cannot be read.
    """
    reports = {
        ReportKey.of(report): _days(report.data_date_start, report.data_date_end)
        for report in listed
    }
    first_days = [key.data_date for key in reports if key.data_date is not None]
    landed = {
        *zone.find(
            report_type=scope.asked.report_type,
            cadence=scope.asked.cadence,
            plan_id=scope.asked.plan_id,
            start=min([scope.start.isoformat(), *first_days]),
            end=scope.end.isoformat(),
        )
    }
    for key, receipt in zone.receipts(landed - reports.keys()):
        if isinstance(receipt, UnreadableReceipt):
            log.warning("%s", receipt)
            reports[key] = _days(key.data_date, None)
        elif receipt is not None and scope.wants_organization(receipt.report.get("org_id")):
            reports[key] = _days(key.data_date, receipt.report.get("data_date_end"))
    found = {key: covered for key, days in reports.items() if (covered := scope.periods_in(days))}
    by_series: dict[Series, dict[str, list[ReportKey]]] = {}
    for key, covered in found.items():
        series = Series(key.plan_id, key.report_type, scope.asked.cadence)
        for period in covered:
            by_series.setdefault(series, {}).setdefault(period, []).append(key)
    gaps = [
        gap
        for period in scope.periods
        for series, of_series in sorted((by_series or {scope.asked: {}}).items(), key=str)
        for gap in _gaps(period, series, of_series.get(period, []), landed, loaded)
    ]
    landed_ids = {key.report_id for key in found.keys() & landed}
    return Completeness(
        start=scope.start.isoformat(),
        end=scope.end.isoformat(),
        cadence=scope.asked.cadence,
        periods=scope.periods,
        reports=len(found),
        landed=len(found.keys() & landed),
        loaded=None if loaded is None else len(landed_ids & {*loaded}),
        gaps=tuple(gaps),
    )


def _gaps(
    period: str,
    series: Series,
    keys: Sequence[ReportKey],
    landed: Collection[ReportKey],
    loaded: Collection[str] | None,
) -> Iterator[Gap]:
    if not keys:
        yield Gap(period, *series, "no report")
    for key in keys:
        if key not in landed:
            yield Gap(period, *series, "not landed", key.report_id)
        elif loaded is not None and key.report_id not in loaded:
            yield Gap(period, *series, "not loaded", key.report_id)


@dataclass(frozen=True)
class Scope:
    """What is asked for.

    :param start: first day.
    :param end: last day: at most yesterday.
    :param asked: plan, type and cadence, as far as they are given.
    :param org_id: organization, where it is given.
    """

    start: dt.date
    end: dt.date
    asked: Series
    org_id: str | None

    @classmethod
    def of(cls, filters: Mapping[str, Any]) -> Scope:
        """Read what is asked for from the filters of a listing, already checked.

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
        return cls(dt.date.fromisoformat(filters["start"]), last, asked, filters.get("org_id"))

    def filters(self) -> dict[str, str]:
        """Return the filters that a listing of this scope has of its own."""
        return {"cadence": self.asked.cadence, "end": self.end.isoformat()}

    @cached_property
    def periods(self) -> tuple[str, ...]:
        """The days, or the months that lie in the range as a whole."""
        return tuple(self._between(self.start, self.end))

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


def _days(first: Any, last: Any) -> tuple[dt.date, dt.date] | None:
    """Return first and last day of a report's data; None where they are no dates."""
    try:
        begin = dt.date.fromisoformat(str(first)[:10])
        return begin, dt.date.fromisoformat(str(last)[:10]) if last else begin
    except ValueError:
        return None


def end_of_month(day: dt.date) -> dt.date:
    """Return the last day of a day's month."""
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
