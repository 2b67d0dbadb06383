"""A DAG that lands batch by batch, once in a pool of one account and once in none."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Param, task

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

BATCH = 20
CONNECTION = "{{ params.conn_id }}"

for pool in ("planet_account", "default_pool"):
    with DAG(
        f"lands_in_{pool}",
        schedule=None,
        start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
        params={name: Param("", type="string") for name in ("conn_id", "destination")},
    ):
        listing = PlanetReportsListOperator(
            task_id="list", planet_reports_conn_id=CONNECTION, pool=pool
        )

        @task
        def batches(reports: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
            """Return the reports, so many to each landing task."""
            return [reports[begin : begin + BATCH] for begin in range(0, len(reports), BATCH)]

        PlanetReportsToObjectStorageOperator.partial(
            task_id="land",
            destination="{{ params.destination }}",
            planet_reports_conn_id=CONNECTION,
            pool=pool,
        ).expand(reports=batches(listing.output))
