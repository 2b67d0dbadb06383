"""Triggers on Planet's usage reports: one that a sensor defers to, one behind an asset watcher."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_planet_reports.airflow_side.parameters import check_seconds
from airflow_provider_planet_reports.airflow_side.polling import PollBackoff, in_thread
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.airflow_side.waiting import Wait
from airflow_provider_planet_reports.client.filters import Filters

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath
    from typing_extensions import Unpack

    from airflow_provider_planet_reports.airflow_side.parameters import FilterParameters
    from airflow_provider_planet_reports.triggers.event import PlanetReportsEventTrigger

__all__ = ["PlanetReportsEventTrigger", "PlanetReportsTrigger"]


class PlanetReportsTrigger(BaseTrigger):
    """Wait until enough reports are there: what ``PlanetReportsSensor`` defers to.

    Fires one event, which says only that it is time: ``{"status": "success", "waiting_since": …}``;
    or ``{"status": "refused", "message": …, "waiting_since": …}`` if the API refuses (400, 401,
    403, 404) or a parameter cannot be right. The worker then lists the reports itself: they do not
    pass through Airflow's database.

    Transient errors are logged and retried with increasing delay: 429, 5xx, broken connections, a
    destination or an Airflow connection that cannot be read. Triggers that start together spread
    their requests over ``poke_interval``.

    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``.
    :param destination: landing zone; reports landed there do not count.
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param min_reports: how many reports are enough, by default 1.
    :param plan_ids: plans that each have to have their daily reports, as in the sensor.
    :param poke_interval: seconds between two polls, by default 60.
    :param waiting_since: when the wait began, handed back in the event.
    :param filters: the filters of the operators, by name.
    :raises PlanetReportsTaskFailure: if a parameter cannot be right.
    """

    def __init__(
        self,
        planet_reports_conn_id: str = "planet_reports_default",
        *,
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        min_reports: int = 1,
        plan_ids: Iterable[str | int] | str | None = None,
        poke_interval: float = 60.0,
        waiting_since: str | None = None,
        **filters: Unpack[FilterParameters],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        with task_errors():
            check_seconds("poke_interval", poke_interval)
            checked = Filters(**filters).to_kwargs()
            self.wait = Wait(
                planet_reports_conn_id, checked, destination, destination_conn_id,
                min_reports, plan_ids,
            )  # fmt: skip
        self.poke_interval = poke_interval
        self.waiting_since = waiting_since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return class path and keyword arguments."""
        return (
            "airflow_provider_planet_reports.triggers.planet_reports.PlanetReportsTrigger",
            {
                **self.wait.to_kwargs(),
                "poke_interval": self.poke_interval,
                "waiting_since": self.waiting_since,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there are enough reports, or until the API refuses.

        :return: the one event.
        """
        backoff = PollBackoff(self.poke_interval)
        pause = backoff.before_first()  # the sensor has just looked
        while True:
            await asyncio.sleep(pause)
            try:
                # The pauses between polls are the retries: they hold no thread.
                found = await in_thread(
                    self.wait.planet_reports_conn_id, self.wait.look, max_retries=0
                )
            except PlanetReportsTaskFailure as refusal:
                event = {"status": "refused", "message": str(refusal)}
                break
            except PlanetReportsTaskError as error:
                pause = backoff.after_failure(error)
                self.log.warning("Still waiting; checking again in %.0f s: %s", pause, error)
                continue
            if found.enough:
                event = {"status": "success"}
                break
            pause = backoff.after_success()
            self.log.info("Waiting: %s; checking again in %.0f s.", found.description, pause)
        yield TriggerEvent({**event, "waiting_since": self.waiting_since})


def __getattr__(name: str) -> Any:
    """Import the event trigger when it is asked for: Airflow 2 has none, but may have the rest."""
    if name == "PlanetReportsEventTrigger":
        from airflow_provider_planet_reports.triggers.event import PlanetReportsEventTrigger

        return PlanetReportsEventTrigger
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
