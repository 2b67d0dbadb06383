"""A landing zone in a folder, and the warehouses to load from it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from landings import land
from surroundings import TESTS

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.warehouse import load_reports
from airflow_provider_planet_reports.warehouse.loading import LoadOutcome

CASES = TESTS / "cases"


@dataclass
class Zone:
    """A landing zone in a folder.

    :param root: the folder.
    """

    root: Path

    @property
    def url(self) -> str:
        return self.root.as_uri()

    def land(
        self, report_id: str, *contents: bytes, day: str = "2026-11-01", overwrite: bool = False,
        run: str = "", report_type: str = "summary", cadence: str = "daily", plan_id: int = 7,
        org_id: int = 1,
    ) -> Any:  # fmt: skip
        """Land a report of these files; return its receipt."""
        report = Report.from_dict(
            {
                "report_id": report_id, "contents": [], "org_id": org_id, "plan_id": plan_id,
                "report_type": report_type, "cadence": cadence, "data_date_start": day,
                "data_date_end": day,
            }
        )  # fmt: skip
        return land(LocalStore(self.root), report, *contents, overwrite=overwrite, run=run)

    def land_case(self, *names: str, **fields: Any) -> str:
        """Land files of the cases as one report; return its id."""
        report_id = names[0].partition(".csv")[0]
        self.land(report_id, *((CASES / name).read_bytes() for name in names), **fields)
        return report_id


@dataclass
class Warehouse:
    """A warehouse to load into.

    :param url: its address.
    :param zone: the landing zone that it is loaded from.
    :param ask: returns the rows of a query.
    """

    url: str
    zone: Zone
    ask: Callable[[str], list[tuple[Any, ...]]]

    def load(self, **options: Any) -> LoadOutcome:
        """Load what is landed; return the outcome."""
        return load_reports(self.zone.url, self.url, **options)

    def rows(self, columns: str, table: str = "summary_daily") -> list[tuple[Any, ...]]:
        """Return columns of a table, report by report."""
        return self.ask(f"SELECT {columns} FROM {table} ORDER BY _report_id, _row")

    def loaded(self) -> list[str]:
        """Return the ids of what is loaded."""
        return [row[0] for row in self.ask("SELECT report_id FROM loaded_reports ORDER BY 1")]


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    """An empty landing zone."""
    return Zone(tmp_path / "landing")


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """An empty warehouse of each kind."""
    made: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return made


@pytest.fixture
def duckdb_warehouse(zone: Zone, tmp_path: Path) -> Warehouse:
    """A DuckDB file that is not there yet."""
    import duckdb

    path = tmp_path / "warehouse.duckdb"

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(path)) as db:
            return db.execute(sql).fetchall()

    return Warehouse(f"duckdb://{path}", zone, ask)


@pytest.fixture
def postgres_warehouse(
    zone: Zone, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A schema that is not there yet."""
    hooks = pytest.importorskip(
        "airflow.providers.postgres.hooks.postgres", reason="needs the extra postgres"
    )
    server = request.getfixturevalue("postgres")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(server.connection))

    def ask(sql: str) -> list[tuple[Any, ...]]:
        with closing(hooks.PostgresHook("warehouse").get_conn()) as connection:
            cursor = connection.cursor()
            cursor.execute("SET search_path = usage")
            cursor.execute(sql)
            connection.commit()
            return cursor.fetchall() if cursor.description else []

    yield Warehouse("postgres://warehouse@/usage", zone, ask)
    ask("DROP SCHEMA IF EXISTS usage CASCADE")
