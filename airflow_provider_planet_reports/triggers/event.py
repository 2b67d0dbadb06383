"""The trigger behind an asset watcher: announces new usage reports, for ever."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import logging
import time
from collections.abc import AsyncIterator, Hashable, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from airflow_provider_planet_reports.airflow_side.listing import matching_reports, not_landed
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.client.filters import Filters, filters_of
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.triggers.announced import Announced
from airflow_provider_planet_reports.triggers.planet_reports import as_text
from airflow_provider_planet_reports.triggers.polling import (
    Pauses,
    check_interval,
    in_thread,
    moment,
)

try:
    from airflow.triggers.base import BaseEventTrigger, TriggerEvent
except ImportError:
    raise ImportError(
        "PlanetReportsEventTrigger needs Airflow 3.0 or later, which can start DAGs on events. "
        "On Airflow 2, schedule the DAG and wait in it with PlanetReportsSensor."
    ) from None

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

#: Days watched where no ``start`` is given: monthly reports, come a month late, are among them.
DAYS_WATCHED = 62
#: Reports in one event. The rest follows with the next polls.
MOST_PER_EVENT = 100
#: Airflow stores an event a second or two after it was given away. The cursor is saved after
#: more than that: a triggerer that dies before announces again, but never loses an event.
_SECONDS_TO_STORE_AN_EVENT = 10.0
#: Filters that are applied here, to one listing for all watchers that differ in nothing else.
_OWN_FILTERS = ("plan_id", "report_type", "cadence", "start", "end")
_STATE_KEY = "planet_reports_announced"

#: The watchers alive in this process by shared poll: it has to reach as far back as any needs.
_watchers: dict[Hashable, WeakSet[PlanetReportsEventTrigger]] = {}


class PlanetReportsEventTrigger(BaseEventTrigger):
    """Announce new reports, for an ``AssetWatcher`` (Airflow 3.0 and later).

    Each new report is announced once, in an event ``{"reports": [...]}``, the reports being the
    API's own objects without their content links, which keeps events small: the landing
    operator asks for them. One poll gives one event with at most 100 reports; where more are new,
    as on a first run, the rest is announced by the polls that follow, and none is dropped.
    Take an event for a doorbell: several may start one DAG run, so let the DAG ask for what is
    not landed rather than rely on the event.

    New is a report that has not been announced and, with a ``destination``, is not landed
    there. Neither order nor dates of a listing are trusted to tell: a report that comes late,
    or is back-dated, is announced too, as long as the first day of its data is watched. Watched
    are the days from ``start`` on, or the last 62 days where none is given: a first run does
    not announce years of history unless asked to.

    Where Airflow keeps state for the watched asset (3.3 and later, one asset a watcher), what
    was announced survives restarts; the state's size is bounded. It is saved only when an event
    has certainly been stored: a triggerer that dies loses none, but may repeat the last.
    Elsewhere a restart announces the watched days again, or what is not landed of them.

    Watchers of one connection that differ in ``plan_id``, ``report_type``, ``cadence``,
    ``start``, ``end`` or ``destination`` alone share one poll (3.3 and later). Nothing ends the
    trigger: any error is logged once, backed off, and outlasted.

    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``.
    :param org_id: organization; by default the connection's, else the key's own.
    :param plan_id: plan.
    :param report_type: ``detailed`` or ``summary``.
    :param cadence: ``daily`` or ``monthly``.
    :param start: first day watched: a date or ``YYYY-MM-DD``; by default 62 days ago.
    :param end: last day watched, inclusive: a date or ``YYYY-MM-DD``.
    :param page_size: reports per page; by default as large as the server allows.
    :param query: further query parameters by name.
    :param path: another listing of the same shape, relative to the base URL.
    :param destination: landing zone; reports landed there are not announced.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param poll_interval: seconds between two polls, by default 300.
    :raises PlanetReportsTaskFailure: for parameters that can't be right.
    """

    def __init__(
        self,
        planet_reports_conn_id: str = PlanetReportsHook.default_conn_name,
        *,
        org_id: str | int | None = None,
        plan_id: str | int | None = None,
        report_type: str | None = None,
        cadence: str | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
        page_size: int | str | None = None,
        query: Mapping[str, Any] | None = None,
        path: str | None = None,
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        poll_interval: float = 300.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.planet_reports_conn_id = planet_reports_conn_id
        self.org_id = org_id
        self.plan_id = plan_id
        self.report_type = report_type
        self.cadence = cadence
        self.start = start
        self.end = end
        self.page_size = page_size
        self.query = query
        self.path = path
        with task_errors():
            self.filters = Filters(**filters_of(self)).to_kwargs()
        self.destination, self.destination_conn_id = as_text(destination, destination_conn_id)
        check_interval("poll_interval", poll_interval)
        self.poll_interval = poll_interval
        self._troubled = False
        self._warned_of_state = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and keyword arguments: plain JSON, in one order, without a secret."""
        return (
            "airflow_provider_planet_reports.triggers.planet_reports.PlanetReportsEventTrigger",
            {
                "planet_reports_conn_id": self.planet_reports_conn_id,
                **self.filters,
                "destination": self.destination,
                "destination_conn_id": self.destination_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll for this watcher alone, where Airflow shares no streams.

        :return: events, without an end.
        """
        self.shared_stream_key()
        stream = type(self).open_shared_stream(self.serialize()[1])
        async for event in self.filter_shared_stream(stream):
            yield event

    def shared_stream_key(self) -> Hashable:
        """Name the poll that this watcher shares: one per connection, listing and interval.

        :return: the same for the same poll.
        """
        key = _poll_of(self.serialize()[1])
        _watchers.setdefault(key, WeakSet()).add(self)
        return key

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[list[Report]]:
        """Yield the listing of all days that any watcher of this poll needs, again and again.

        Each item is the whole listing, not what is new since the last: who comes late misses
        nothing.

        :param kwargs: of one of the watchers.
        """
        key = _poll_of(kwargs)
        shared = {
            name: kwargs[name] for name in Filters.names() if name in kwargs.keys() - _OWN_FILTERS
        }
        pauses = Pauses(kwargs["poll_interval"])
        await asyncio.sleep(min(pauses.before_first(), _SECONDS_TO_STORE_AN_EVENT))
        while True:
            floors = [watcher.first_day() for watcher in _watchers.get(key, ())]
            start = min(floors, default=_days_ago(DAYS_WATCHED))
            try:
                reports = await in_thread(
                    matching_reports,
                    kwargs["planet_reports_conn_id"],
                    {**shared, "start": start.isoformat()},
                    max_retries=0,  # the pauses between polls do that, without holding a thread
                )
            except Exception as trouble:  # whatever it is: a watcher that ends starts a storm
                pause = pauses.after_failure(trouble)
                _log_once(pauses.failures == 1, "Looking for new reports failed", trouble)
            else:
                if pauses.failures:
                    log.info("Looking for new reports works again.")
                pause = pauses.after_success()
                yield reports
            await asyncio.sleep(pause)

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[list[Report]]
    ) -> AsyncIterator[TriggerEvent]:
        """Turn listings into events about what is new to this watcher.

        :param shared_stream: the listings.
        :return: events, for as long as there are listings.
        """
        announced: Announced | None = None
        unsaved_since: float | None = None
        async for listing in shared_stream:
            await moment(self.poll_interval)
            if announced is None:
                announced = await self._load()
            elif unsaved_since is not None:
                stored = time.monotonic() - unsaved_since > _SECONDS_TO_STORE_AN_EVENT
                if stored and await self._save(announced):
                    unsaved_since = None
            announced.raise_floor(self.first_day())
            new = await self._not_landed(announced.not_yet(filter(self._wants, listing)), announced)
            if new:
                log.info("%d reports are new.", len(new))
                event = new[:MOST_PER_EVENT]
                # Before the yield: an iterator that is not resumed must not announce again.
                announced.add(event)
                unsaved_since = time.monotonic()
                yield TriggerEvent({"reports": [_announcement(report) for report in event]})

    def first_day(self) -> dt.date:
        """Return the first day that this watcher watches."""
        start = self.filters.get("start")
        return dt.date.fromisoformat(start) if start else _days_ago(DAYS_WATCHED)

    def _wants(self, report: Report) -> bool:
        """Whether this watcher's own filters let a report through, as the API's would."""
        plan_id, end = self.filters.get("plan_id"), self.filters.get("end")
        return (
            (plan_id is None or int(plan_id) == _number(report.plan_id))
            and self.filters.get("report_type") in (None, report.report_type)
            and self.filters.get("cadence") in (None, report.cadence)
            and (end is None or str(report.data_date_end or "") <= end)
        )

    async def _not_landed(self, reports: list[Report], announced: Announced) -> list[Report]:
        """Leave out what is landed; everything, where the destination can't be read just now."""
        if not reports or not self.destination:
            return reports
        try:
            new = await in_thread(not_landed, reports, self.destination, self.destination_conn_id)
        except Exception as trouble:
            _log_once(not self._troubled, "Finding out what is landed failed", trouble)
            self._troubled = True
            return []
        self._troubled = False
        announced.add(report for report in reports if report not in new)
        return new

    async def _load(self) -> Announced:
        """Return what Airflow keeps for this watcher; nothing, where it keeps nothing."""
        store = getattr(self, "asset_state_store", None)
        state = None
        try:
            if store is not None:
                state = await _call(store, "get", self._state_key)
            else:
                self._warn_of_state("Airflow keeps no state here before 3.3")
            return Announced.from_state(state, self.first_day())
        except Exception as error:
            self._warn_of_state(f"{type(error).__name__}: {error}")
            return Announced(self.first_day())

    async def _save(self, announced: Announced) -> bool:
        """Have Airflow keep what was announced; return whether that is done with."""
        store = getattr(self, "asset_state_store", None)
        if store is None:
            return True
        try:
            await _call(store, "set", self._state_key, announced.to_state())
        except Exception as error:
            self._warn_of_state(f"{type(error).__name__}: {error}")
            return False
        return True

    @property
    def _state_key(self) -> str:
        """One for each identity: with other filters, other reports are new."""
        _, kwargs = self.serialize()
        identity = {
            name: value
            for name, value in kwargs.items()
            if name not in ("page_size", "poll_interval")
        }
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return f"{_STATE_KEY}_{digest[:32]}"

    def _warn_of_state(self, why: str) -> None:
        _log_once(
            not self._warned_of_state,
            "What was announced can't be kept over a restart, which may announce it again",
            why,
        )
        self._warned_of_state = True


def _poll_of(kwargs: Mapping[str, Any]) -> Hashable:
    """Return what tells one shared poll from another."""
    named = {
        name: value
        for name, value in kwargs.items()
        if name not in (*_OWN_FILTERS, "destination", "destination_conn_id")
    }
    return "planet-reports", json.dumps(named, sort_keys=True)


def _days_ago(days: int) -> dt.date:
    return dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=days)


def _number(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def _announcement(report: Report) -> dict[str, Any]:
    described = report.to_dict()
    described.pop("contents", None)
    return described


def _log_once(first: bool, what: str, why: object) -> None:
    """Warn of the first of several troubles in a row; the others are for who debugs."""
    level = logging.WARNING
    if isinstance(why, PlanetReportsTaskFailure):
        level = logging.ERROR
    log.log(level if first else logging.DEBUG, "%s: %s", what, why)


async def _call(store: Any, name: str, *args: Any) -> Any:
    """Call the state store: 3.3.0 and 3.3.1 only have its blocking methods."""
    if hasattr(store, f"a{name}"):
        return await getattr(store, f"a{name}")(*args)
    return await in_thread(getattr(store, name), *args)
