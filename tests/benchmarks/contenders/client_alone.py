"""This provider's client without Airflow: what of the listing's cost is the client's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.job import Job, digest
from benchmarks.server import KEY


def list_reports(job: Job) -> Callable[[], dict[str, Any]]:
    """Lazily, as the hook does it."""
    from airflow_provider_planet_reports.client.api import ReportsAPI
    from airflow_provider_planet_reports.client.filters import Filters
    from airflow_provider_planet_reports.client.transport.session import ReportsSession

    api = ReportsAPI(ReportsSession(KEY, job.base_url))
    filters = Filters(page_size=job.page_size)
    return lambda: digest(report.report_id for report in api.list_reports(filters))
