"""Whether a day is missing: what Planet lists, what is landed, and what is loaded."""

from __future__ import annotations

import datetime as dt
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.scope import Scope, Series
from airflow_provider_planet_reports.landing.zone import LandingZone

if TYPE_CHECKING:
    from airflow_provider_planet_reports.client.report import Report

log = logging.getLogger(__name__)

#: The first day of a report's data, and the last.
_Days: TypeAlias = tuple[dt.date, dt.date]


@dataclass(frozen=True)
class Gap:
    """A day or month of a series that is not complete.

    :param period: the day, ``2026-11-23``, or the month, ``2026-11``.
    :param plan_id: plan; None where any was asked for and none was found.
    :param report_type: ``detailed`` or ``summary``; None where any was asked for and none was
        found.
    :param cadence: ``daily`` or ``monthly``.
    :param state: ``no report`` (Planet has none, and none is landed), ``not landed``,
        ``not loaded`` (but landed), ``duplicate`` (another report of the same day is landed, or
        this id is landed in two places) or ``excepted`` (known to be beyond help).
    :param report_id: the report; None where there is none.
    """

    period: str
    plan_id: str | None
    report_type: str | None
    cadence: str
    state: Literal["no report", "not landed", "not loaded", "duplicate", "excepted"]
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
    scope: Scope,
    listed: Iterable[Report],
    zone: LandingZone,
    is_loaded: Callable[[Receipt], bool] | None = None,
    except_reports: Collection[str] = (),
) -> Completeness:
    """Say what a range of days lacks, for each plan and type of report that there is in it.

    :param scope: what is asked for.
    :param listed: what Planet lists for it. Listed before this is called, so that what is landed
        meanwhile is not called missing.
    :param zone: the landing zone.
    :param is_loaded: whether a landed report is loaded, where that is to be compared as well.
    :param except_reports: ids of reports that are known to be beyond help.
    :return: how many reports there are, and what is missing, by day or month.
    :raises DestinationError: if the destination cannot be read.
    """
    reports = {
        ReportKey.of(report): _days(report.data_date_start, report.data_date_end)
        for report in listed
    }
    landed = {*zone.find(**scope.asked._asdict(), end=scope.end)}
    first_days = [key.data_date for key in reports if key.data_date is not None]
    start = min([scope.start.isoformat(), *first_days])
    recent = {key for key in landed if key.data_date is not None and key.data_date >= start}
    loaded = set()
    to_read = recent if is_loaded else recent - reports.keys()

    def unreadable(key: ReportKey, error: UnreadableReceipt) -> None:
        log.warning("%s", error)
        reports.setdefault(key, _days(key.data_date, None))

    keys = sorted(to_read, key=ReportKey.age)
    for receipt in zone.receipts(keys, scope.org_id, unreadable):
        last = receipt.report.get("data_date_end")
        reports.setdefault(receipt.key, _days(receipt.key.data_date, last))
        if is_loaded and is_loaded(receipt):
            loaded.add(receipt.key)
    found = {
        key: covered
        for key, days in reports.items()
        if days and (covered := scope.periods_between(*days))
    }
    days_of = {**{key: _days(key.data_date, None) for key in landed}, **reports}
    by_series = _by_series(scope, found, days_of)
    here = [key for key in found if key in landed and key.report_id not in except_reports]
    same_days = Counter((_series(key), key.data_date) for key in here)
    same_ids = Counter(key.report_id for key in here)

    def gaps_of(period: str, series: Series, keys: Iterable[ReportKey]) -> Iterator[Gap]:
        if not keys:
            yield Gap(period, *series, "no report")
        for key in keys:
            if key.report_id in except_reports:
                yield Gap(period, *series, "excepted", key.report_id)
            elif key not in landed:
                yield Gap(period, *series, "not landed", key.report_id)
            elif is_loaded and key not in loaded:
                yield Gap(period, *series, "not loaded", key.report_id)
            elif same_days[series, key.data_date] > 1 or same_ids[key.report_id] > 1:
                yield Gap(period, *series, "duplicate", key.report_id)

    gaps = [
        gap
        for period in scope.periods
        for series, of_series in by_series.items()
        if period in of_series
        for gap in gaps_of(period, series, of_series[period])
    ]
    return Completeness(
        start=scope.start.isoformat(),
        end=scope.end.isoformat(),
        cadence=scope.asked.cadence,
        periods=scope.periods,
        reports=len(found),
        landed=len(found.keys() & landed),
        loaded=len(found.keys() & loaded) if is_loaded else None,
        gaps=tuple(gaps),
    )


def _by_series(
    scope: Scope,
    found: Mapping[ReportKey, Iterable[str]],
    days_of: Mapping[ReportKey, _Days | None],
) -> dict[Series, dict[str, list[ReportKey]]]:
    """Return the reports of each series by day or month, and none for those that are expected.

    :param scope: what is asked for.
    :param found: reports, with the days or months that they cover.
    :param days_of: all reports that are known, older ones included: a series begins with its first
        report, and ends some days after its last one.
    """
    known: dict[Series, list[dt.date]] = {}
    for key, days in days_of.items():
        if days:
            known.setdefault(_series(key), []).extend(days)
    expected = {
        series: scope.periods_between(min(days), max(days) + dt.timedelta(scope.grace_days))
        for series, days in known.items()
    }
    all_series = {_series(key) for key in found}
    if scope.org_id is None:  # whose the older ones are is in receipts that are not read here
        all_series |= {series for series, periods in expected.items() if periods}
    by_series: dict[Series, dict[str, list[ReportKey]]] = {
        series: {period: [] for period in expected.get(series, scope.periods)}
        for series in sorted(all_series or {scope.asked}, key=str)
    }
    for key, covered in found.items():
        for period in covered:
            by_series[_series(key)].setdefault(period, []).append(key)
    return by_series


def _series(key: ReportKey) -> Series:
    return Series(key.plan_id, key.report_type, str(key.cadence))


def _days(first: Any, last: Any) -> _Days | None:
    """Return first and last day of a report's data; None where they are no dates."""
    try:
        begin = dt.date.fromisoformat(str(first)[:10])
        return begin, dt.date.fromisoformat(str(last)[:10]) if last else begin
    except ValueError:
        return None
