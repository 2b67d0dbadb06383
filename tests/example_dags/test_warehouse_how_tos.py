"""The how-tos for warehouses that can't be had here: they parse, and their templates render."""

from __future__ import annotations

import datetime as dt
import inspect
import re
from types import SimpleNamespace

import pytest
from surroundings import TESTS

PAGE = (TESTS.parent / "docs" / "howto" / "warehouse.rst").read_text()
LANDED = [
    {
        "data_date_start": day,
        "files": [{"uri": f"gs://my-bucket/planet/data_date={day}/{part}.csv"} for part in (1, 2)],
    }
    for day in ("2026-11-01", "2026-11-02")
]


@pytest.fixture
def how_to():
    """Run the code of a section; return its names."""

    def how_to(heading, provider):
        pytest.importorskip(f"airflow.providers.{provider}")
        section = PAGE.partition(f"\n{heading}\n---")[2]
        code = re.search(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", section).group(1)
        names: dict = {}
        exec(compile(inspect.cleandoc(f"\n{code}"), heading, "exec"), names)
        return names

    return how_to


def rendered(operator):
    context = {
        "logical_date": dt.datetime(2026, 11, 8, 6, tzinfo=dt.timezone.utc),
        "dag_run": SimpleNamespace(run_after=None),
        "macros": SimpleNamespace(ds_add=ds_add),
    }
    operator.render_template_fields(context)
    return operator


def ds_add(ds, days):
    return (dt.date.fromisoformat(ds) + dt.timedelta(days=days)).isoformat()


def test_bigquery_replaces_a_partition_for_each_day(how_to):
    names = how_to("BigQuery", "google")
    assert rendered(names["dag"].get_task("land")).start == "2026-11-01"
    days = names["by_day"].function(LANDED)
    assert [day["destination_project_dataset_table"] for day in days] == [
        "usage.summary_daily$20261101",
        "usage.summary_daily$20261102",
    ]
    mapped = names["dag"].get_task("load")
    for day in days:
        given = {**mapped.partial_kwargs, **day, "task_id": "load"}
        load = rendered(names["GCSToBigQueryOperator"](**given))
        assert load.source_objects == day["source_objects"]
        assert load.write_disposition == "WRITE_TRUNCATE"
    assert days[0]["source_objects"] == [
        f"planet/data_date=2026-11-01/{part}.csv" for part in (1, 2)
    ]


def test_snowflake_is_given_the_names_that_the_stage_has(how_to):
    names = how_to("Snowflake", "snowflake")
    assert rendered(names["dag"].get_task("land")).start == "2026-11-01"
    load = names["dag"].get_task("load")
    assert load.upstream_task_ids == {"names"}
    assert "files" in load.template_fields, "what the task before it returned"
    assert """ENCLOSED_BY = '"', ERROR""" in load.file_format


def test_redshift_replaces_the_table_by_what_the_manifest_names(how_to):
    names = how_to("Redshift", "amazon")
    dag = names["dag"]
    assert rendered(dag.get_task("land")).start == "2026-11-01"
    load = rendered(dag.get_task("load"))
    assert (load.s3_key, load.method) == ("manifests/summary_daily.json", "REPLACE")
    assert load.upstream_task_ids == {"write_manifest"}
