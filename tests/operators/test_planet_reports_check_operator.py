"""The check operator: what Planet lists, what is landed, what is loaded, in both warehouses."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace

import pytest

from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsCheckOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.warehouse import load_reports

YESTERDAY = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request, tmp_path, monkeypatch):
    """The address of a warehouse that is not there yet."""
    if request.param == "duckdb":
        return f"duckdb://{tmp_path}/warehouse.duckdb"
    pytest.importorskip("airflow.providers.postgres.hooks.postgres")
    server = request.getfixturevalue("postgres")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(server.connection))
    return f"postgres://warehouse@/{tmp_path.name}"


@pytest.fixture
def check(tmp_path):
    def check(**options):
        start = YESTERDAY - dt.timedelta(days=2)
        options = {"start": start, "destination": tmp_path.as_uri(), **options}
        return PlanetReportsCheckOperator(task_id="check", **options).execute({})

    return check


def land(tmp_path, **filters):
    return PlanetReportsToObjectStorageOperator(
        task_id="land", destination=tmp_path.as_uri(), cadence="daily", **filters
    ).execute({})


def test_it_fails_for_what_is_not_landed_and_not_loaded_and_succeeds_when_all_is(
    sandbox, tmp_path, check, warehouse
):
    with pytest.raises(
        PlanetReportsTaskFailure, match=r"^6 findings: run the landing task \(not landed\)\. 20"
    ):
        check(warehouse=warehouse)
    land(tmp_path)
    found = check(warehouse=warehouse, fail=False)
    assert (found["reports"], found["landed"], found["loaded"]) == (6, 6, 0)
    assert {gap["state"] for gap in found["gaps"]} == {"not loaded"}
    load_reports(tmp_path.as_uri(), warehouse)
    assert check(warehouse=warehouse) == {"reports": 6, "landed": 6, "loaded": 6, "gaps": []}
    assert check() == {"reports": 6, "landed": 6, "loaded": None, "gaps": []}


def test_the_log_says_what_was_checked_when_all_is_well(sandbox, tmp_path, check, caplog):
    land(tmp_path)
    with caplog.at_level("INFO"):
        check()
    first, last = YESTERDAY - dt.timedelta(days=2), YESTERDAY
    assert f"3 days from {first} to {last}: 6 reports, 6 landed, 0 findings." in caplog.text
    with caplog.at_level("INFO"):
        check(
            start=last,
            end=last,
            report_type="summary",
            warehouse=f"duckdb://{tmp_path}/none",
            fail=False,
        )
    assert f"1 day from {last} to {last}: 1 report, 1 landed, 0 loaded, 1 finding." in caplog.text


def test_a_duplicate_has_a_remedy_of_its_own(sandbox, tmp_path, check):
    report = next(each for each in sandbox._reports.values() if each.cadence == "daily")
    second = replace(report, seed=report.seed + 1)
    sandbox.publish(second)
    land(tmp_path)
    with pytest.raises(
        PlanetReportsTaskFailure,
        match=r"^2 findings: the views count one, name the other in except_reports \(duplicate\)",
    ):
        check()
    (gap,) = check(except_reports=[second.report_id])["gaps"]
    assert gap["state"] == "excepted"


def test_what_was_landed_anew_is_not_loaded(sandbox, tmp_path, check, warehouse):
    landed = land(tmp_path)
    load_reports(tmp_path.as_uri(), warehouse)
    (receipt,) = tmp_path.glob(f"_receipts/*/*/*/*/{landed[0]['report_id']}.json")
    changed = json.loads(receipt.read_text())
    changed["files"][0]["sha256"] = "0" * 64
    receipt.write_text(json.dumps(changed))
    (gap,) = check(warehouse=warehouse, fail=False)["gaps"]
    assert (gap["state"], gap["report_id"]) == ("not loaded", landed[0]["report_id"])
    assert check(warehouse=warehouse, except_reports=gap["report_id"])["gaps"] == [
        {**gap, "state": "excepted"}
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grace_days": -1}, "grace_days=-1 is not allowed"),
        ({"warehouse": "duckdb://x"}, "must have an absolute path"),
        ({"destination": "nowhere"}, "has no scheme"),
    ],
)
def test_what_cannot_be_right_shows_when_the_dag_is_parsed(check, options, message):
    with pytest.raises(PlanetReportsTaskFailure, match=message):
        check(**options)
