from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import DAG, task

from airflow_provider_planet_reports.airflow_side.landing_options import LandingOptions
from airflow_provider_planet_reports.airflow_side.task_errors import PlanetReportsTaskFailure
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

DEFAULTS = LandingOptions(16, False, "warn", "succeed")


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_what_a_template_leaves_empty_is_the_default(nothing):
    assert LandingOptions(nothing, nothing, nothing, nothing) == LandingOptions() == DEFAULTS


def test_text_from_templates_becomes_what_it_says():
    options = LandingOptions(" 8 ", "True", "fail", "skip")
    assert options == LandingOptions(8, True, "fail", "skip")
    assert LandingOptions(overwrite="false").overwrite is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_workers": 0}, "max_workers=0 is not allowed: it must be a whole number from 1"),
        ({"max_workers": "-1"}, "max_workers='-1'"),
        ({"max_workers": True}, "max_workers=True"),
        ({"max_workers": 2.0}, "max_workers=2.0"),
        ({"max_workers": "²"}, "max_workers='²'"),
        ({"overwrite": "yes"}, "overwrite='yes' is not allowed: it must be True or False"),
        ({"overwrite": 1}, "overwrite=1"),
        ({"row_count_check": "maybe"}, "must be one of 'ignore', 'warn', 'fail'"),
        ({"row_count_check": ["warn"]}, r"row_count_check=\['warn'\]"),
        ({"on_nothing_new": "fail"}, "must be one of 'succeed', 'skip'"),
    ],
)
def test_whatever_else_is_refused_by_name(options, message):
    with pytest.raises(InvalidInput, match=message):
        LandingOptions(**options)
    with pytest.raises(PlanetReportsTaskFailure, match=message):
        PlanetReportsToObjectStorageOperator(task_id="land", destination="s3://b/x", **options)


def test_a_template_is_checked_when_it_is_rendered(sandbox, tmp_path):
    operator = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=tmp_path.as_uri(),
        max_workers="{{ params.workers }}",
        overwrite="{% if params.again %}true{% endif %}",
    )
    operator.render_template_fields({"params": {"workers": "many", "again": False}})
    with pytest.raises(PlanetReportsTaskFailure, match="max_workers='many' is not allowed"):
        operator.execute({})
    assert not sandbox.exchanges


def test_another_tasks_output_is_a_template_too():
    with DAG("options", schedule=None):

        @task
        def workers():
            return 8

        operator = PlanetReportsToObjectStorageOperator(
            task_id="land", destination="s3://b/x", max_workers=workers()
        )
    assert operator.upstream_task_ids == {"workers"}


def test_rendered_options_are_heeded(sandbox, tmp_path):
    def land(**context):
        operator = PlanetReportsToObjectStorageOperator(
            task_id="land", destination=tmp_path.as_uri(), overwrite="{{ params.overwrite }}"
        )
        operator.render_template_fields({"params": context})
        return len(operator.execute({}))

    assert land(overwrite="") == len(sandbox.reports)
    assert land(overwrite=False) == 0
    assert land(overwrite=True) == len(sandbox.reports)


def test_every_option_is_templated():
    assert set(LandingOptions.names()) < set(PlanetReportsToObjectStorageOperator.template_fields)
