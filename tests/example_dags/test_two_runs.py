"""What one run could not land or load, the next one makes up for: each report exactly once."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from documented_dags import run
from servers import free_port
from surroundings import AIRFLOW_HOME, connect

from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports
from airflow_provider_planet_reports.sandbox.server import Answer, Request

TODAY = dt.datetime.now(dt.timezone.utc).date()
#: Airflow 2.11 has one run for each logical date, and cannot delete it in a test process.
_SECONDS = itertools.count()
PLANS = (1001, 1002)
#: What fails in the first run: all landing, all loading, or one report of each type, for good.
FAILURES = ("landing", "loading", "report")
#: By DAG file: its DAG, and the reports that it loads.
EXAMPLES: dict[str, tuple[str, dict[str, str]]] = {
    "planet_reports_daily": ("planet_reports_daily", {"cadence": "daily"}),
    "planet_reports_daily_deferrable": ("planet_reports_daily_deferrable", {"cadence": "daily"}),
    "planet_reports_mapped": (
        "planet_reports_mapped", {"report_type": "detailed", "cadence": "daily"},
    ),
    "planet_reports_postgres": ("planet_reports_postgres", {"cadence": "daily"}),
    "planet_reports_event_driven": ("planet_reports_event_driven", {}),
    "planet_reports_monthly": (
        "planet_reports_days", {"report_type": "summary", "cadence": "daily"},
    ),
}  # fmt: skip


class Api(Sandbox):
    """An API that may be down, and that has lost the files of some reports."""

    def __init__(self) -> None:
        super().__init__(days=3, last_day=TODAY - dt.timedelta(days=2), plans=PLANS)
        self.is_down = False
        self.lost: set[str] = set()

    def answer(self, request: Request) -> Answer:
        if self.is_down:
            return Answer(403, {"message": "Closed for today."})
        if any(f"/{report_id}/" in request.path for report_id in self.lost):
            return Answer(404, {"message": "There is no such file."})
        return super().answer(request)

    def publish_yesterday(self) -> None:
        yesterday = TODAY - dt.timedelta(days=1)
        self.publish(*made_up_reports(
            seed=1, org_id=self.org_id, plans=PLANS, days=1, last_day=yesterday, part_bytes=0,
        ))  # fmt: skip

    def wanted(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        """Return the reports that can be landed."""
        return [
            report
            for report in self.reports
            if fields.items() <= report.items() and report["report_id"] not in self.lost
        ]


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    api = Api()
    with api.serve():
        connect(monkeypatch, api.key, api.base_url, extra={"max_retries": 0})
        yield api


def two_runs(
    api: Api, failure: str, run_at: Callable[[dt.datetime], bool], loading: Callable[[bool], None]
) -> None:
    """Run yesterday, when something fails, and today.

    :param run_at: makes a run, and returns whether it succeeded.
    :param loading: ends or begins that the warehouse can be loaded.
    """
    if failure == "report":
        for report_type in ("summary", "detailed"):
            report, *_ = api.wanted({"report_type": report_type, "cadence": "daily"})
            api.lost.add(report["report_id"])
    noon = dt.datetime.combine(TODAY, dt.time(12), dt.timezone.utc)
    noon += dt.timedelta(seconds=next(_SECONDS))
    api.is_down = failure == "landing"
    loading(failure != "loading")
    assert not run_at(noon - dt.timedelta(days=1)), "its state tells that something failed"
    api.is_down = False
    loading(True)
    api.publish_yesterday()
    assert run_at(noon) == (failure != "report")


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_lands_and_loads_each_report_once(
    documented, api, request, tmp_path, monkeypatch, name, failure
):
    dag_id, fields = EXAMPLES[name]
    dag = documented(name)[dag_id]
    kind = "postgres" if name.endswith("postgres") else "duckdb"
    warehouse = request.getfixturevalue(f"{kind}_warehouse")

    def run_at(when: dt.datetime) -> bool:
        return bool(run(dag, "scheduled", when).state == "success")

    def loading(works: bool) -> None:
        if kind == "postgres":
            server = request.getfixturevalue("postgres").connection
            there = server if works else {**server, "port": free_port()}
            monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(there))
        else:
            let_load(tmp_path / "warehouse.duckdb", works)

    two_runs(api, failure, run_at, loading)
    wanted = api.wanted(fields)
    assert sorted(warehouse.ask("SELECT report_id FROM loaded_reports")) == sorted(
        (report["report_id"],) for report in wanted
    )
    rows: Counter[str] = Counter()
    for report in wanted:
        rows[f"{report['report_type']}_{report['cadence']}"] += report["num_rows"]
    assert {table: warehouse.ask(f"SELECT count(*) FROM {table}")[0][0] for table in rows} == rows


@pytest.mark.parametrize("failure", FAILURES)
def test_each_day_that_is_loaded_is_announced_as_a_partition(documented, api, tmp_path, failure):
    days = documented("planet_reports_monthly")["planet_reports_days"]
    announced: set[str] = set()

    def run_at(when: dt.datetime) -> bool:
        ended = run(days, "scheduled", when)
        announced.update(key for key in asset_events(ended, "partition_key") if key)
        return bool(ended.state == "success")

    two_runs(api, failure, run_at, partial(let_load, tmp_path / "warehouse.duckdb"))
    wanted = api.wanted({"report_type": "summary", "cadence": "daily"})
    assert announced == {report["data_date_start"] for report in wanted}


def let_load(warehouse: Path, works: bool) -> None:
    """Have a folder where the DuckDB file is to be, or not."""
    if not works:
        warehouse.mkdir()
    elif warehouse.is_dir():
        warehouse.rmdir()


def asset_events(run: Any, column: str = "source_run_id") -> list[Any]:
    """Return a column of the events that a run made."""
    with closing(sqlite3.connect(AIRFLOW_HOME / "airflow.db")) as database:
        found = database.execute(
            f"SELECT {column} FROM asset_event WHERE source_dag_id = ? AND source_run_id = ?",
            [run.dag_id, run.run_id],
        )
        return [value for (value,) in found]
