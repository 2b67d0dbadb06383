"""DAGs whose tasks die, or are ended from outside; where they land comes with the run."""

from __future__ import annotations

import datetime as dt
import os
import signal
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

CONNECTION = "{{ params.conn_id }}"
DESTINATION = "{{ params.destination }}"
COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    "params": {
        "conn_id": Param("", type="string"),
        "destination": Param("", type="string"),
        "survives": Param(False, type="boolean"),
    },
    "default_args": {"retries": 1, "retry_delay": dt.timedelta(seconds=1)},
}


class DyingOperator(PlanetReportsToObjectStorageOperator):
    """Lands everything, and does not live to tell on its first try.

    :param death: whether it is ``killed``, or ``raises``.
    """

    def __init__(self, *, death: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.death = death

    def execute(self, context: Any) -> list[dict[str, Any]]:
        result = super().execute(context)
        if context["ti"].try_number == 1 and not context["params"]["survives"]:
            if self.death == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            raise RuntimeError("died after everything was landed")
        return result


@task
def load(landed: Any) -> list[str]:
    """Return the ids of what a task instance says that it landed."""
    flat = [each for group in landed for each in (group if isinstance(group, list) else [group])]
    return sorted(each["report_id"] for each in flat)


with DAG("dies", **COMMON):
    for death in ("killed", "raises"):
        land = DyingOperator(
            task_id=death,
            death=death,
            destination=f"{DESTINATION}/{death}",
            planet_reports_conn_id=CONNECTION,
        )
        load.override(task_id=f"load_{death}")(land.output)

    listing = PlanetReportsListOperator(
        task_id="list",
        planet_reports_conn_id=CONNECTION,
        destination=f"{DESTINATION}/mapped",
    )
    mapped = DyingOperator.partial(
        task_id="mapped",
        death="killed",
        destination=f"{DESTINATION}/mapped",
        planet_reports_conn_id=CONNECTION,
    ).expand(reports=listing.output)
    load.override(task_id="load_mapped")(mapped.output)

with DAG("waits_and_dies", **COMMON):
    wait = PlanetReportsSensor(
        task_id="wait",
        deferrable=True,
        poke_interval=1,
        planet_reports_conn_id=CONNECTION,
        destination=DESTINATION,
    )
    after = DyingOperator(
        task_id="land",
        death="killed",
        reports=wait.output,
        destination=DESTINATION,
        planet_reports_conn_id=CONNECTION,
    )
    load(after.output)

with DAG("lands", max_active_runs=3, **COMMON):
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=DESTINATION, planet_reports_conn_id=CONNECTION
    )
