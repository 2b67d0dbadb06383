from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports.airflow_side.lineage import (
    LandingLineage,
    dataset_name,
    storage_account,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

API = "https://api.planet.com/reports/v1/"


@pytest.mark.parametrize(
    ("address", "account", "expected"),
    [
        ("s3://bucket/usage/a.csv", None, ("s3://bucket", "usage/a.csv")),
        ("s3a://bucket/", None, ("s3://bucket", "/")),
        ("gcs://bucket/usage/", None, ("gs://bucket", "usage")),
        ("file:///data/our%20reports/a.csv", None, ("file", "/data/our reports/a.csv")),
        (
            "abfs://box/usage/a.csv", "billing",
            ("abfss://box@billing.dfs.core.windows.net", "usage/a.csv"),
        ),
        ("abfs://box/usage/a.csv", None, ("abfss://box", "usage/a.csv")),
    ],
)  # fmt: skip
def test_places_are_named_as_openlineage_names_them(address, account, expected):
    assert dataset_name(address, account) == expected


def test_only_azure_has_storage_accounts():
    assert storage_account("s3://bucket/usage/", "aws") is None


def landed(count):
    return [
        {
            "report_id": f"r{number}",
            "files": [{"uri": f"s3://b/usage/r{number}/1.csv", "bytes": 10, "rows": 2}],
        }
        for number in range(count)
    ]


def named(datasets):
    return [(each.namespace, each.name) for each in datasets]


@pytest.fixture
def openlineage():
    return pytest.importorskip(
        "airflow.providers.openlineage.extractors", reason="needs the extra openlineage"
    )


def test_each_report_became_its_files(openlineage):
    facets = LandingLineage(API, "s3://b/usage/", landed(2)).facets()
    assert named(facets.inputs) == [
        ("https://api.planet.com", "/reports/v1/r0"),
        ("https://api.planet.com", "/reports/v1/r1"),
    ]
    assert named(facets.outputs) == [("s3://b", "usage/r0/1.csv"), ("s3://b", "usage/r1/1.csv")]
    statistics = facets.outputs[0].outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size) == (2, 10)
    assert getattr(statistics, "fileCount", 1) == 1


def test_of_very_many_files_only_the_sum_is_told(openlineage):
    facets = LandingLineage(API, "s3://b/usage/", landed(101)).facets()
    assert named(facets.inputs) == [("https://api.planet.com", "/reports/v1/")]
    assert named(facets.outputs) == [("s3://b", "usage")]
    statistics = facets.outputs[0].outputFacets["outputStatistics"]
    assert (statistics.rowCount, statistics.size) == (202, 1010)
    assert getattr(statistics, "fileCount", 101) == 101


def test_nothing_new_has_no_lineage():
    assert LandingLineage(API, "s3://b/usage/", []).facets() is None


def test_a_task_that_landed_nothing_yet_has_no_lineage():
    operator = PlanetReportsToObjectStorageOperator(task_id="land", destination="s3://b/x")
    assert operator.get_openlineage_facets_on_complete(None) is None


def test_without_openlineage_there_is_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)
    assert LandingLineage(API, "s3://b/usage/", landed(1)).facets() is None


def test_the_events_of_a_run_name_every_file_once(openlineage, sandbox, tmp_path, airflow_db):
    """In a process of its own: the listener reads its configuration when it is loaded."""
    events = tmp_path / "events.json"
    destination = tmp_path / "landing"
    transport = {"type": "file", "log_file_path": str(events), "append": True}
    conf = {"destination": destination.as_uri()}
    subprocess.run(
        [sys.executable, "-c", f"import outlets; outlets.land_outlets.test(run_conf={conf})"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS / "dags"), str(TESTS.parent)]),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
            "AIRFLOW__OPENLINEAGE__NAMESPACE": "tests",
        },
        check=True, capture_output=True,
    )  # fmt: skip
    told = [json.loads(line) for line in events.read_text().splitlines()]
    (complete,) = (
        event
        for event in told
        if event["eventType"] == "COMPLETE" and event["job"]["name"] == "land_outlets.land"
    )
    files = sorted(destination.rglob("part-*"))
    assert sorted((o["namespace"], o["name"]) for o in complete["outputs"]) == [
        ("file", str(file)) for file in files
    ]
    for output in complete["outputs"]:
        statistics = output["outputFacets"]["outputStatistics"]
        assert statistics["size"] == Path(output["name"]).stat().st_size
    daily = [report for report in sandbox.reports if report["cadence"] == "daily"]
    rows = sum(o["outputFacets"]["outputStatistics"]["rowCount"] for o in complete["outputs"])
    assert rows == sum(report["num_rows"] for report in daily)
    origin = sandbox.base_url.removesuffix("/").removesuffix("/reports/v1")
    assert sorted((i["namespace"], i["name"]) for i in complete["inputs"]) == sorted(
        (origin, f"/reports/v1/{report['report_id']}") for report in daily
    )
    assert sandbox.key not in events.read_text()
