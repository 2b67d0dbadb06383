"""The operator that loads a warehouse: parameters, failures, events."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import duckdb
import pytest

from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_warehouse import (
    PlanetReportsToWarehouseOperator,
)


@pytest.fixture
def operator(tmp_path):
    def operator(**options):
        options = {
            "source": (tmp_path / "landing").as_uri(),
            "warehouse": f"duckdb://{tmp_path}/warehouse.duckdb",
            **options,
        }
        return PlanetReportsToWarehouseOperator(task_id="load", **options)

    return operator


@pytest.fixture
def land(sandbox, tmp_path):
    def land(**filters):
        return PlanetReportsToObjectStorageOperator(
            task_id="land", destination=(tmp_path / "landing").as_uri(), **filters
        ).execute({})

    return land


class Events:
    """An event for each outlet; on some versions of Airflow, assets can't be keys of a dict."""

    def __init__(self, outlets):
        self._events = [(outlet, SimpleNamespace(extra={})) for outlet in outlets]

    def __getitem__(self, asset):
        return next(event for outlet, event in self._events if outlet == asset)


def context_of(outlets, run_id="r"):
    events = Events(outlets)
    ti = SimpleNamespace(dag_id="d", run_id=run_id, task_id="load", map_index=-1, try_number=1)
    return {"ti": ti, "outlet_events": events}


def test_it_returns_how_much_was_loaded(land, operator):
    landed = land(cadence="daily")
    rows = {"summary_daily": 0, "detailed_daily": 0}
    for report in landed:
        rows[f"{report['report_type']}_daily"] += sum(file["rows"] for file in report["files"])
    assert operator().execute({}) == {
        "reports": len(landed), "rows": sum(rows.values()), "tables": rows
    }  # fmt: skip
    assert operator().execute({}) == {"reports": 0, "rows": 0, "tables": {}}


def test_a_bad_report_fails_the_task_after_the_others_are_loaded(land, operator, tmp_path):
    landed = land(cadence="daily")
    bad = landed[0]
    next(tmp_path.glob(f"landing/report_type=*/*/*/*/{bad['report_id']}/*")).write_bytes(b"n\n1\n")
    with pytest.raises(PlanetReportsTaskFailure) as caught:
        operator().execute({})
    first, second = str(caught.value).splitlines()
    assert first == f"1 report could not be loaded, {len(landed) - 1} were:"
    assert second.startswith(f"- {bad['report_id']}: A file has other bytes than its receipt says")
    assert operator(except_reports=[bad["report_id"]]).execute({})["reports"] == 0


def test_events_say_what_this_run_loaded_whichever_try_and_run_landed_it(land, operator, tmp_path):
    asset = report_asset(cadence="daily")
    land(cadence="daily", report_type="summary")
    operator(outlets=[asset]).execute(context_of([asset], run_id="earlier"))
    bad, *good = land(cadence="daily", report_type="detailed")
    path = next(tmp_path.glob(f"landing/report_type=*/*/*/*/{bad['report_id']}/*"))
    content = path.read_bytes()
    path.write_bytes(b"")
    with pytest.raises(PlanetReportsTaskFailure):
        operator(outlets=[asset]).execute(context_of([asset]))
    path.write_bytes(content)
    context = context_of([asset])
    assert operator(outlets=[asset]).execute(context)["reports"] == 1
    extra = context["outlet_events"][asset].extra
    assert extra["report_ids"] == [report["report_id"] for report in (bad, *good)]
    assert extra["rows"] == sum(file["rows"] for report in (bad, *good) for file in report["files"])


def test_templates_are_rendered_and_what_they_leave_empty_is_left_out(land, operator):
    land()
    load = operator(start="{{ day }}", plan_id="{{ nothing }}", required_columns="{{ names }}")
    day = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
    load.render_template_fields({"day": str(day), "nothing": "", "names": "item_type, "})
    assert load.execute({})["reports"] == 2


@pytest.mark.parametrize(("says", "all_go"), [("false", False), ("True", True)])
def test_a_template_may_say_whether_rows_of_removed_reports_go(
    land, operator, tmp_path, says, all_go
):
    land(cadence="daily")
    operator().execute({})
    for receipt in tmp_path.glob("landing/_receipts/**/*.json"):
        receipt.unlink()
    load = operator(remove_missing="{{ says }}")
    load.render_template_fields({"says": says})
    load.execute({})
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as db:
        (left,) = db.execute("SELECT count(*) FROM loaded_reports").fetchone()
    assert (left == 0) == all_go


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "nowhere"}, "has no scheme"),
        ({"warehouse": "postgres:///usage"}, "warehouse names 0 connections"),
        ({"start": "soon"}, "start='soon' is not a date"),
        ({"columns": {"usgae": "x"}}, "columns has the unknown name 'usgae'"),
    ],
)
def test_what_cannot_be_right_shows_when_the_dag_is_parsed(operator, options, message):
    with pytest.raises(PlanetReportsTaskFailure, match=message):
        operator(**options)
