from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.resources import files

import jsonschema

import airflow_provider_planet_reports
from airflow_provider_planet_reports.airflow_side.connection_form import HOOK_CLASS
from airflow_provider_planet_reports.provider_info import get_provider_info

PACKAGE = "airflow-provider-planet-reports"


def test_airflow_accepts_the_provider_info():
    schema = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_the_entry_point_leads_to_it():
    (found,) = (
        each
        for each in entry_points(group="apache_airflow_provider")
        if each.module.startswith("airflow_provider_planet_reports")
    )
    assert found.load() is get_provider_info


def airflow_says(*words):
    """What an ``airflow providers`` command answers."""
    done = subprocess.run(
        [sys.executable, "-m", "airflow", "providers", *words, "--output", "json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index("[{") :])


def test_airflow_lists_the_provider():
    (found,) = (each for each in airflow_says("list") if each["package_name"] == PACKAGE)
    assert found["version"] == airflow_provider_planet_reports.__version__


def test_airflow_describes_the_provider():
    (found,) = airflow_says("get", PACKAGE)
    assert found["Provider"] == PACKAGE
    assert found["Version"] == airflow_provider_planet_reports.__version__


def test_airflow_knows_the_connection_type():
    (hook,) = (
        each for each in airflow_says("hooks") if each["connection_type"] == "planet_reports"
    )
    assert hook["class"] == HOOK_CLASS
    assert hook["conn_id_attribute_name"] == "planet_reports_conn_id"
    assert hook["hook_name"] == "Planet Reports"


def test_there_is_one_version():
    assert get_provider_info()["versions"] == [airflow_provider_planet_reports.__version__]
