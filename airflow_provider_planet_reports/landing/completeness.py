"""Whether a day is missing: what Planet lists, what is landed, and what is loaded."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.scope import Scope, Series
from airflow_provider_planet_reports.landing.zone import LandingZone

if TYPE_CHECKING:
    from airflow_provider_planet_reports.client.report import Report

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Gap:
    """A day or month of a series that is not complete.

    :param period: the day, ``2026-11-23``, or the month, ``2026-11``.
    :param plan_id: plan; None where any was asked for and none was found.
    :param report_type: ``detailed`` or ``summary``; None where any was asked for and none was
        found.
    :param cadence: ``daily`` or ``monthly``.
    :param state: ``no report`` (Planet has none, and none is landed), ``not landed``,
        ``not loaded`` (but landed), ``duplicate`` (another report of the same day or month is
        landed, or this id is landed in two places) or ``excepted`` (known to be beyond help).
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
    reports = {ReportKey.of(report) for report in listed}
    landed = {*zone.find(**scope.asked._asdict(), end=scope.end)}
    recent = {key for key in landed if scope.period_of(key) in scope.periods}
    loaded = set()

    def unreadable(key: ReportKey, error: UnreadableReceipt) -> None:
        log.warning("%s", error)
        reports.add(key)

    to_read = recent if is_loaded else recent - reports
    for receipt in zone.receipts(to_read, scope.org_id, unreadable):
        reports.add(receipt.key)
        if is_loaded and is_loaded(receipt):
            loaded.add(receipt.key)
    reports = {key for key in reports if scope.period_of(key) in scope.periods}
    # Whose the older reports are is in receipts that are not read here.
    ours = {_series(key) for key in (reports if scope.org_id else reports | landed)}
    known = [key for key in reports | landed if _series(key) in ours]
    found: dict[tuple[str, Series], list[ReportKey]] = {
        each: [] for each in _expected(scope, known)
    }
    for key in sorted(reports, key=ReportKey.age):
        found.setdefault((scope.period_of(key), _series(key)), []).append(key)
    here = {key for key in reports & landed if key.report_id not in except_reports}
    same_ids = Counter(key.report_id for key in here)

    def gaps_of(period: str, series: Series, keys: Collection[ReportKey]) -> Iterator[Gap]:
        same_period = len(here.intersection(keys))
        if not keys:
            yield Gap(period, *series, "no report")
        for key in keys:
            if key.report_id in except_reports:
                yield Gap(period, *series, "excepted", key.report_id)
            elif key not in landed:
                yield Gap(period, *series, "not landed", key.report_id)
            elif is_loaded and key not in loaded:
                yield Gap(period, *series, "not loaded", key.report_id)
            elif same_period > 1 or same_ids[key.report_id] > 1:
                yield Gap(period, *series, "duplicate", key.report_id)

    if not found and scope.asked not in ours:  # else it has ended
        found = {(period, scope.asked): [] for period in scope.periods}
    gaps = [gaps_of(*each, found[each]) for each in sorted(found, key=str)]
    return Completeness(
        start=scope.start.isoformat(),
        end=scope.end.isoformat(),
        cadence=scope.asked.cadence,
        periods=scope.periods,
        reports=len(reports),
        landed=len(reports & landed),
        loaded=len(reports & loaded) if is_loaded else None,
        gaps=tuple(chain.from_iterable(gaps)),
    )


def _expected(scope: Scope, known: Iterable[ReportKey]) -> Iterator[tuple[str, Series]]:
    """Yield the days or months for which each series has to have a report.

    :param scope: what is asked for.
    :param known: all reports, older ones included: a series begins with its first report, and ends
        some days after its last one.
    """
    periods: dict[Series, list[str]] = {}
    for key in known:
        if period := scope.period_of(key):
            periods.setdefault(_series(key), []).append(period)
    for series, with_reports in periods.items():
        for period in scope.expected(min(with_reports), max(with_reports)):
            yield period, series


def _series(key: ReportKey) -> Series:
    return Series(key.plan_id, key.report_type, str(key.cadence))
