"""A session that waits for nothing."""

from __future__ import annotations

from typing import Any

from airflow_provider_planet_reports.client.transport.session import ReportsSession


class Hurried(ReportsSession):
    """Takes down what it would wait, in seconds."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.waited: list[float] = []
        super().__init__(*args, **settings)

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return False
