"""What tests of the landing zone share."""

from __future__ import annotations

import pytest
from grounds import Ground
from memory_store import MemoryStore

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.stores.interface import Store


@pytest.fixture
def store(ground: Ground) -> Store:
    """The store on an empty destination."""
    return ground.open()


@pytest.fixture
def memory() -> MemoryStore:
    """A store in memory with a journal."""
    return MemoryStore()


@pytest.fixture
def report() -> Report:
    """A report of two parts; its links are signed."""
    return Report.from_dict(
        {
            "report_id": "0a1b",
            "contents": [
                "https://files.example/0a1b/1?X-Amz-Signature=5ec2e7",
                "https://files.example/0a1b/2?X-Amz-Signature=5ec2e7",
            ],
            "org_id": 4321,
            "plan_id": 1001,
            "data_date_start": "2026-11-01",
            "data_date_end": "2026-11-01",
            "report_type": "detailed",
            "cadence": "daily",
            "num_rows": 3,
            "has_footprint": False,
            "_links": {"self": "https://api.planet.com/reports/v1/0a1b?token=5ec2e7"},
            "some_new_field": {"kept": True},
        }
    )
