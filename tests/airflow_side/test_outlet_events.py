from __future__ import annotations

import contextlib
import json
import sqlite3

import airflow
import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias
from runs import dag_of
from surroundings import AIRFLOW_HOME

from airflow_provider_planet_reports.airflow_side.outlet_events import (
    check_partitions,
    describe_outlets,
    partition_keys,
    summary,
)
from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.assets.planet_reports import report_asset
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

try:
    check_partitions()
except InvalidInput:
    KNOWS_PARTITIONS = False
else:
    KNOWS_PARTITIONS = True
needs_partitions = pytest.mark.skipif(not KNOWS_PARTITIONS, reason="needs Airflow 3.3")


def report(number, *, date="2026-11-23", cadence="daily", parts=1, rows=2):
    files = [
        {"uri": f"s3://b/{number}/{part}.csv", "bytes": 10, "sha256": "0", "rows": rows}
        for part in range(parts)
    ]
    return {
        "report_id": f"r{number}", "data_date_start": date, "cadence": cadence, "files": files,
    }  # fmt: skip


class Event:
    def __init__(self):
        self.extra = {}
        self.partitions = []

    def add_partitions(self, keys):
        self.partitions += keys


class Events(dict):
    def __getitem__(self, asset):
        return self.setdefault(asset.uri, Event())


def test_an_event_says_what_is_new():
    assert summary([report(1, parts=2), report(2)]) == {
        "report_ids": ["r1", "r2"],
        "uris": ["s3://b/1/0.csv", "s3://b/1/1.csv", "s3://b/2/0.csv"],
        "rows": 6,
        "bytes": 30,
        "truncated": False,
    }


def test_nothing_new_is_said_with_empty_lists():
    assert summary([]) == {
        "report_ids": [], "uris": [], "rows": 0, "bytes": 0, "truncated": False,
    }  # fmt: skip


def test_rows_that_cannot_be_counted_are_not_made_up():
    assert summary([report(1), report(2, rows=None)])["rows"] is None


def test_an_event_stays_small_and_says_so():
    said = summary([report(number, parts=3) for number in range(1000)])
    assert len(said["report_ids"]) == len(said["uris"]) == 100
    assert said["truncated"]
    assert said["bytes"] == 30_000  # sums are of everything
    assert summary([report(1, parts=101)])["truncated"]


def test_many_partitions_say_less_each():
    new = [report(number) for number in range(1000)]
    assert len(summary(new, events=500)["uris"]) == 10


def test_partitions_are_the_dates_of_reports():
    new = [
        report(1),
        report(2),
        report(3, date="2026-11-02"),
        report(4, date="2026-10-01", cadence="monthly"),
        report(5, date="2026-10-01", cadence=None),
    ]
    assert partition_keys(new) == ["2026-10", "2026-10-01", "2026-11-02", "2026-11-23"]


@pytest.mark.parametrize("date", [None, "", "soon", 20261123])
def test_a_report_without_a_date_is_in_no_partition(date, caplog):
    assert partition_keys([report(1, date=date), report(2)]) == ["2026-11-23"]
    assert "Report 'r1' is in no partition" in caplog.text


def test_every_asset_is_told_and_nothing_else():
    events, other = Events(), Asset(uri="s3://b/usage")
    outlets = [report_asset(cadence="daily"), other, AssetAlias("later"), "a string"]
    describe_outlets(events, outlets, [report(1)], partitions=True)
    assert set(events) == {"planet-reports://any/any/any/daily", other.uri}
    assert all(event.extra == summary([report(1)]) for event in events.values())
    assert all(event.partitions == ["2026-11-23"] for event in events.values())


def test_what_others_say_in_an_event_is_kept():
    events, asset = Events(), report_asset()
    events[asset].extra["owner"] = "billing"
    describe_outlets(events, [asset], [report(1)])
    assert events[asset].extra["owner"] == "billing"
    assert events[asset].extra["report_ids"] == ["r1"]
    assert events[asset].partitions == []


def test_airflows_own_events_take_it():
    try:
        from airflow.sdk.execution_time.context import OutletEventAccessors
    except ImportError:  # Airflow 2
        from airflow.utils.context import OutletEventAccessors

    events, asset = OutletEventAccessors(), report_asset(cadence="daily")
    describe_outlets(events, [asset], [report(1)], partitions=KNOWS_PARTITIONS)
    assert events[asset].extra == summary([report(1)])
    if KNOWS_PARTITIONS:
        assert events[asset].partition_keys == {"2026-11-23"}


@needs_partitions
def test_partitions_need_an_asset(sandbox, tmp_path):
    operator = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=tmp_path.as_uri(), emit_partitions=True
    )
    with pytest.raises(PlanetReportsTaskFailure, match="needs an asset to have the partitions"):
        operator.execute({})
    assert not sandbox.exchanges


@pytest.mark.skipif(KNOWS_PARTITIONS, reason="is about Airflow before 3.3")
def test_an_airflow_without_partitions_says_so_when_the_dag_is_parsed():
    with pytest.raises(PlanetReportsTaskFailure, match=r"needs Airflow 3\.3 or later"):
        PlanetReportsToObjectStorageOperator(
            task_id="land", destination="s3://b/x", emit_partitions=True
        )


def events_of(asset):
    """Return the events that Airflow has stored for an asset: extra and partition key."""
    kind = type(asset).__name__.lower()  # "dataset" on Airflow 2
    key = "event.partition_key" if KNOWS_PARTITIONS else "NULL"
    query = (
        f"SELECT event.extra, {key} FROM {kind}_event event "
        f"JOIN {kind} ON {kind}.id = event.{kind}_id WHERE uri = ? ORDER BY event.id"
    )
    with contextlib.closing(sqlite3.connect(AIRFLOW_HOME / "airflow.db")) as database:
        return [(json.loads(extra), key) for extra, key in database.execute(query, (asset.uri,))]


@pytest.mark.skipif(
    airflow.__version__.startswith("3.0."), reason="to its dag.test() no asset is active"
)
def test_airflow_stores_what_is_new_with_the_event(sandbox, tmp_path, airflow_db):
    asset = report_asset(cadence="daily")
    known = len(events_of(asset))
    dag, conf = dag_of("outlets.py", "land_outlets"), {"destination": tmp_path.as_uri()}
    if hasattr(dag, "sync_to_db"):  # Airflow 2 stores events of datasets that it knows
        dag.sync_to_db()
    assert dag.test(run_conf=conf).state == "success"
    assert dag.test(run_conf=conf).state == "success"
    (first, _), (second, _) = events_of(asset)[known:]
    daily = [report for report in sandbox.reports if report["cadence"] == "daily"]
    assert sorted(first["report_ids"]) == sorted(report["report_id"] for report in daily)
    assert first["rows"] == sum(report["num_rows"] for report in daily)
    assert first["bytes"] == sum(path.stat().st_size for path in tmp_path.rglob("part-*"))
    assert sorted(first["uris"]) == sorted(f"file://{path}" for path in tmp_path.rglob("part-*"))
    assert second == summary([])


@needs_partitions
def test_airflow_stores_one_event_per_report_date(sandbox, tmp_path, airflow_db):
    asset = report_asset(cadence="daily")
    known = len(events_of(asset))
    dag, conf = dag_of("outlets.py", "land_partitions"), {"destination": tmp_path.as_uri()}
    for _ in range(2):
        assert dag.test(run_conf=conf).state == "success"
    stored = events_of(asset)[known:]
    dates = {r["data_date_start"] for r in sandbox.reports if r["cadence"] == "daily"}
    assert sorted(key for _, key in stored if key) == sorted(dates)
    assert stored[-1] == (summary([]), None)  # nothing new, no partition
