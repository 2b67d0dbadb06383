"""Warehouses to make pages of, and the page that was made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import LAST, MADE, Page
from warehouse.conftest import duckdb_warehouse, postgres_warehouse, warehouse, zone

from airflow_provider_planet_reports import usage_page
from airflow_provider_planet_reports.usage_page import write_usage_page
from airflow_provider_planet_reports.usage_page.quotas import given_quotas

__all__ = ["duckdb_warehouse", "postgres_warehouse", "warehouse", "zone"]


@pytest.fixture
def load(duckdb_warehouse: Any) -> Callable[..., Any]:
    """Load daily summaries, given as (day, plan, text); return the warehouse."""

    def load(*reports: tuple[dt.date, int, str]) -> Any:
        for day, plan, text in reports:
            duckdb_warehouse.zone.land(
                f"{day}-{plan}-{len(text)}", text.encode(), day=str(day), plan_id=plan
            )
        assert duckdb_warehouse.load().failures == []
        return duckdb_warehouse

    return load


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Page]:
    """Write the page of a warehouse; return it."""

    def write(
        warehouse: Any, *, quotas: Any = None, made: dt.datetime = MADE, **options: Any
    ) -> Page:
        monkeypatch.setattr(usage_page, "_now", lambda: made)
        folder = tmp_path / "page"
        where = write_usage_page(
            warehouse.url, folder.as_uri(), quotas=given_quotas(quotas),
            **{"days": 7, "end": LAST, **options},
        )  # fmt: skip
        assert where == (folder / "index.html").as_uri()
        return Page((folder / "index.html").read_text(), (folder / "usage.csv").read_text())

    return write
