"""What a sensor and its trigger wait for, and whether it is there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_planet_reports.airflow_side.listing import matching_reports, not_landed
from airflow_provider_planet_reports.airflow_side.task_errors import task_errors
from airflow_provider_planet_reports.client.filters import REPORT_TYPES
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.destination import place_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.client.report import Report

_MISSING_SHOWN = 3


class Found(NamedTuple):
    """What one look has found.

    :param enough: whether the wait is over.
    :param reports: the reports found; with a destination, those that are not landed there.
    :param description: what was found and what is missing, for the log.
    """

    enough: bool
    reports: list[Report]
    description: str


@dataclass(frozen=True)
class Wait:
    """What is waited for: a number of reports, or a daily report of each of some plans.

    :param planet_reports_conn_id: connection of type ``planet_reports``.
    :param filters: filters of the listing by name, already checked.
    :param destination: landing zone; reports landed there do not count, unless ``plan_ids`` is
        given.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param min_reports: how many reports are enough.
    :param plan_ids: plans each of which has to have a daily report, of each type asked for, for
        every day from ``start`` to ``end``: a list, or text with commas between them.
    :raises InvalidInput: if it cannot be waited for.
    """

    planet_reports_conn_id: str
    filters: Mapping[str, Any]
    destination: str | ObjectStoragePath | None = None
    destination_conn_id: str | None = None
    min_reports: int = 1
    plan_ids: Iterable[str | int] | str | None = None

    def __post_init__(self) -> None:
        if self.destination:
            place = place_of(self.destination, self.destination_conn_id)
            object.__setattr__(self, "destination", place.url)
            object.__setattr__(self, "destination_conn_id", place.conn_id)
        if type(self.min_reports) is not int or self.min_reports < 1:
            raise InvalidInput(
                f"min_reports={self.min_reports!r} is not allowed: it must be a whole number from "
                "1."
            )
        plans = _plans(self.plan_ids)
        object.__setattr__(self, "plan_ids", plans)
        if not plans:
            return
        if missing := {"start", "end"} - self.filters.keys():
            raise InvalidInput(
                f"plan_ids needs {' and '.join(sorted(missing))} as well: the days of which each "
                "plan has to have a report."
            )
        if self.filters.get("cadence", "daily") != "daily":
            raise InvalidInput(
                "plan_ids is for daily reports only: leave out cadence, or wait with min_reports."
            )
        if "plan_id" in self.filters or self.min_reports != 1:
            raise InvalidInput("Give plan_ids, or else plan_id and min_reports: not both.")
        if "path" in self.filters and "report_type" not in self.filters:
            raise InvalidInput("plan_ids with path needs report_type as well.")

    def __str__(self) -> str:
        if not self.plan_ids:
            return f"at least {self.min_reports} report{'s' * (self.min_reports > 1)}"
        days = " to ".join(dict.fromkeys((self.filters["start"], self.filters["end"])))
        return f"the daily reports of plans {', '.join(map(str, self.plan_ids))} for {days}"

    def to_kwargs(self) -> dict[str, Any]:
        """Return it as keyword arguments of the trigger, JSON-safe."""
        return {
            "planet_reports_conn_id": self.planet_reports_conn_id,
            **self.filters,
            "destination": self.destination or None,
            "destination_conn_id": self.destination_conn_id,
            "min_reports": self.min_reports,
            "plan_ids": self.plan_ids and [*self.plan_ids],
        }

    def look(self, max_retries: int | None = None) -> Found:
        """Look once.

        :param max_retries: further tries per request, in the place of the connection's own.
        :raises PlanetReportsTaskFailure: for bad input and refusals.
        :raises PlanetReportsTaskError: for transient errors, of the destination too.
        """
        filters = {**self.filters, **({"cadence": "daily"} if self.plan_ids else {})}
        listed = matching_reports(self.planet_reports_conn_id, filters, max_retries=max_retries)
        reports = listed
        if self.destination:
            reports = not_landed(listed, self.destination, self.destination_conn_id)
        if not self.plan_ids:
            return Found(
                len(reports) >= self.min_reports, reports, f"found {len(reports)} of {self}"
            )
        missing = self._missing(listed)
        shown = "; ".join(missing[:_MISSING_SHOWN])
        more = (
            f"; and {len(missing) - _MISSING_SHOWN} more" if len(missing) > _MISSING_SHOWN else ""
        )
        lack = f"missing: {shown}{more}" if missing else "none is missing"
        return Found(not missing, reports, f"found {len(reports)} reports, {lack}")

    def _missing(self, listed: Collection[Report]) -> list[str]:
        """Return which daily reports of the plans are neither listed nor landed."""
        from airflow_provider_planet_reports.landing.layout import ReportKey
        from airflow_provider_planet_reports.landing.zone import open_zone

        there = {_series(ReportKey.of(report)) for report in listed}
        missing = [each for each in self._expected() if each not in there]
        if missing and self.destination:  # Planet may list them no more
            with task_errors():
                zone = open_zone(self.destination, self.destination_conn_id)
                given = {name: self.filters[name] for name in ("start", "end")}
                there = {_series(key) for key in zone.find(cadence="daily", **given)}
            missing = [each for each in missing if each not in there]
        return [f"{kind} report of plan {plan} for {day}" for plan, day, kind in missing]

    def _expected(self) -> Iterator[tuple[str, str, str]]:
        first, last = (dt.date.fromisoformat(self.filters[name]) for name in ("start", "end"))
        asked = self.filters.get("report_type")
        for number in range((last - first).days + 1):
            day = (first + dt.timedelta(days=number)).isoformat()
            for plan in self.plan_ids or ():
                for kind in (asked,) if asked else REPORT_TYPES:
                    yield _plain(plan), day, kind


def _series(key: Any) -> tuple[str, str | None, str | None]:
    """Return plan, day and type of a report: what a plan has one report of."""
    return _plain(key.plan_id), key.data_date, key.report_type


def _plain(plan: object) -> str:
    """Return a plan's number: it may be written with leading zeros."""
    return str(plan).lstrip("0")


def _plans(given: object) -> tuple[str, ...] | None:
    """Return plans as text, each once; None where none are given."""
    if given is None or given == "":
        return None
    plans = given.split(",") if isinstance(given, str) else given
    if isinstance(plans, Iterable) and not isinstance(plans, Mapping):
        found = [str(each).strip() for each in plans]
        if found and all(each.isascii() and each.isdigit() for each in found):
            return tuple(dict.fromkeys(found))
    raise InvalidInput(
        f"plan_ids={given!r} is not allowed: it must be a list of plans, for example [1001, 1002]."
    )
