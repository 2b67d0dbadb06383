"""Are we missing a day? What Planet has of a range of days, what is landed, and what is loaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow_provider_planet_reports.client.filters import CADENCES, Filters
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.exceptions import task_errors
from airflow_provider_planet_reports.listing import matching_reports

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

#: What tells whether a landed report is one of those asked for.
_SAME = ("org_id", "plan_id", "report_type", "cadence")


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

    def days_of(self, first: str, last: str) -> tuple[str, str]:
        """Return the first and the last day of a range of periods: the API takes days only.

        :param first: first day, or month.
        :param last: last day, or month.
        """
        if self.cadence == "daily":
            return first, last
        return f"{first}-01", _end_of_month(dt.date.fromisoformat(f"{last}-01")).isoformat()


def completeness(
    planet_reports_conn_id: str,
    filters: Mapping[str, Any],
    destination: str | ObjectStoragePath,
    destination_conn_id: str | None = None,
    *,
    loaded: Collection[str] | None = None,
) -> Completeness:
    """Say what a range of days lacks, for each plan and type of report that there is in it.

    :param planet_reports_conn_id: connection of type ``planet_reports``.
    :param filters: filters of the listing by name. ``start`` has to be given; ``end`` is at most
        yesterday, which is the default; ``cadence`` is ``daily`` by default. Of monthly reports,
        months are expected that lie in the range as a whole.
    :param destination: landing zone.
    :param destination_conn_id: connection for it, where its URL names none.
    :param loaded: ids of the reports that are loaded, where that is to be compared as well.
    :return: how many reports there are, and what is missing, by day or month.
    :raises PlanetReportsTaskFailure: for bad input and refusals.
    :raises PlanetReportsTaskError: for trouble that outlasted all tries; also where the
        destination can't be read.
    """
    from airflow_provider_planet_reports.landing.stores.opening import open_zone

    with task_errors():
        scope = _Scope.of(filters)
        # In this order: what is landed meanwhile is not to be called missing.
        listed = matching_reports(planet_reports_conn_id, scope.filters) if scope.periods else []
        zone = open_zone(destination, destination_conn_id)
        receipts = zone.receipts(zone.landed())
    held = [Report.from_dict(receipt.report) for receipt in receipts.values()]
    reports = {each.report_id: each for each in (*filter(scope.is_wanted, held), *listed)}
    found = {
        report_id: covered
        for report_id, report in reports.items()
        if (covered := scope.periods_of(report))
    }
    landed = found.keys() & receipts.keys()
    by_series: dict[Series, dict[str, list[str]]] = {}
    for report_id, covered in found.items():
        of_series = by_series.setdefault(scope.series_of(reports[report_id]), {})
        for period in covered:
            of_series.setdefault(period, []).append(report_id)
    gaps = [
        gap
        for period in scope.periods
        for series, of_series in sorted((by_series or {scope.asked: {}}).items(), key=str)
        for gap in _gaps(period, series, of_series.get(period, []), landed, loaded)
    ]
    return Completeness(
        start=scope.start.isoformat(),
        end=scope.end.isoformat(),
        cadence=scope.asked.cadence,
        periods=scope.periods,
        reports=len(found),
        landed=len(landed),
        loaded=None if loaded is None else len(landed & {*loaded}),
        gaps=tuple(gaps),
    )


def _gaps(
    period: str,
    series: Series,
    report_ids: Sequence[str],
    landed: Collection[str],
    loaded: Collection[str] | None,
) -> Iterator[Gap]:
    if not report_ids:
        yield Gap(period, *series, "no report")
    for report_id in report_ids:
        if report_id not in landed:
            yield Gap(period, *series, "not landed", report_id)
        elif loaded is not None and report_id not in loaded:
            yield Gap(period, *series, "not loaded", report_id)


@dataclass(frozen=True)
class _Scope:
    """What is asked for.

    :param filters: filters for the listing.
    :param start: first day.
    :param end: last day.
    :param asked: plan, type and cadence, as far as they are given.
    """

    filters: Mapping[str, Any]
    start: dt.date
    end: dt.date
    asked: Series

    @classmethod
    def of(cls, filters: Mapping[str, Any]) -> _Scope:
        given = Filters(**{**filters, "cadence": filters.get("cadence") or "daily"}).to_kwargs()
        if "start" not in given:
            raise InvalidInput("start is missing: without a first day nothing can be missed.")
        if given["cadence"] not in CADENCES:
            raise InvalidInput(
                f"cadence={given['cadence']!r} can't be checked: days are known of 'daily' "
                "reports, months of 'monthly' ones."
            )
        # A day's report is made when the day is over, in UTC.
        last = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
        if "end" in given:
            last = min(last, dt.date.fromisoformat(given["end"]))
        given["end"] = last.isoformat()
        asked = Series(given.get("plan_id"), given.get("report_type"), given["cadence"])
        return cls(given, dt.date.fromisoformat(given["start"]), last, asked)

    @cached_property
    def periods(self) -> tuple[str, ...]:
        """The days, or the months that lie in the range as a whole."""
        return tuple(self._between(self.start, self.end))

    def periods_of(self, report: Report) -> list[str]:
        """Return the days or months that a report covers; none where it does not say so."""
        try:
            first = dt.date.fromisoformat(str(report.data_date_start))
            last = dt.date.fromisoformat(str(report.data_date_end or first))
        except ValueError:
            return []
        if self.asked.cadence == "monthly":
            first, last = first.replace(day=1), _end_of_month(last)
        return list(self._between(max(first, self.start), min(last, self.end)))

    def _between(self, first: dt.date, last: dt.date) -> Iterator[str]:
        for number in range((last - first).days + 1):
            day = first + dt.timedelta(days=number)
            if self.asked.cadence == "daily":
                yield day.isoformat()
            elif day.day == 1 and _end_of_month(day) <= last:
                yield f"{day:%Y-%m}"

    def series_of(self, report: Report) -> Series:
        """Return the series that a report belongs to."""
        plan_id = None if report.plan_id is None else str(report.plan_id)
        return Series(plan_id, report.report_type, self.asked.cadence)

    def is_wanted(self, report: Report) -> bool:
        """Whether a landed report is one that the listing could have."""
        return all(
            # Ids are numbers at the API, but may be written with zeros in front.
            str(getattr(report, name)).lstrip("0") == self.filters[name].lstrip("0")
            for name in _SAME
            if name in self.filters
        )


def _end_of_month(day: dt.date) -> dt.date:
    return (day.replace(day=1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
