"""A DAG that lands what is new in batches, one mapped task each; a run says what, and where."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

CONNECTION = "{{ params.conn_id }}"
DESTINATION = "{{ params.destination }}"

with DAG(
    "lands_in_batches",
    schedule=None,
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    params={
        "conn_id": Param("", type="string"),
        "destination": Param("", type="string"),
        "size": Param(10, type="integer"),
    },
    # A worker that dies takes a try of its task with it.
    default_args={"retries": 2, "retry_delay": dt.timedelta(seconds=1)},
):

    @task
    def in_batches(reports: list[dict[str, Any]], size: str) -> list[list[dict[str, Any]]]:
        """Return reports in groups: one mapped task each."""
        return [reports[at : at + int(size)] for at in range(0, len(reports), int(size))]

    listing = PlanetReportsListOperator(
        task_id="list", planet_reports_conn_id=CONNECTION, destination=DESTINATION
    )
    PlanetReportsToObjectStorageOperator.partial(
        task_id="land", planet_reports_conn_id=CONNECTION, destination=DESTINATION
    ).expand(reports=in_batches(listing.output, "{{ params.size }}"))
