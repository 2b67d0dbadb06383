"""What the package does on this Airflow: the installation page says so for each version."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from importlib import import_module

import airflow
import pytest
from airflow.providers_manager import ProvidersManager
from surroundings import TESTS

from airflow_provider_planet_reports.airflow_side.connection_form import EXTRA_FIELDS, RELABELING
from airflow_provider_planet_reports.airflow_side.outlet_events import check_partitions
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

_FORM = """
import json
from airflow_provider_planet_reports.airflow_side import connection_form

asked = []
for name in ("form_widgets", "field_behaviour"):
    function = getattr(connection_form, name)
    setattr(connection_form, name, lambda f=function, n=name: asked.append(n) or f())
try:
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
except ImportError:  # Airflow 2
    from airflow.providers_manager import ProvidersManager

    manager, prefix = ProvidersManager(), "extra__planet_reports__"
    fields = [n.removeprefix(prefix) for n in manager.connection_form_widgets if prefix in n]
    login = manager.field_behaviours["planet_reports"]["relabeling"]["login"]
else:
    (form,) = (
        each
        for each in HookMetaService.hook_meta_data()
        if each.connection_type == "planet_reports"
    )
    fields = list(form.extra_fields or ())
    login = form.standard_fields and form.standard_fields.login.title
print(json.dumps({"fields": sorted(fields), "login": login, "asked": asked}))
"""


@cache
def form():
    """The connection's form as Airflow shows it, and what the hook was asked for it."""
    done = subprocess.run([sys.executable, "-c", _FORM], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def form_shows():
    return form()["fields"] == sorted(EXTRA_FIELDS) and form()["login"] == RELABELING["login"]


def can_import(name, module):
    try:
        return hasattr(import_module(module), name)
    except ImportError:
        return False


def event_trigger():
    """A watcher's trigger as this Airflow makes it; none before 3.0."""
    module = import_module("airflow_provider_planet_reports.triggers.planet_reports")
    try:
        return module.PlanetReportsEventTrigger(destination="file:///data/planet")
    except ImportError:
        return None


def has_partitions():
    """Whether asset events of this Airflow have partitions."""
    try:
        check_partitions()
    except InvalidInput:
        return False
    return True


#: The rows of the page's table, and how to find out whether the running Airflow has it.
FEATURES = {
    "list and land, in one task or one for each report": lambda: hasattr(
        PlanetReportsToObjectStorageOperator, "partial"
    ),
    "wait for reports, in a worker or in the triggerer": lambda: hasattr(
        PlanetReportsSensor, "defer"
    ),
    "API key masked in logs": lambda: (
        can_import("mask_secret", "airflow.sdk.log")
        or can_import("mask_secret", "airflow.sdk.execution_time.secrets_masker")
        or can_import("mask_secret", "airflow.utils.log.secrets_masker")
    ),
    "form for the connection": form_shows,
    "… described by the provider info alone": lambda: form_shows() and not form()["asked"],
    "start DAGs when reports appear": lambda: (
        event_trigger() is not None and can_import("AssetWatcher", "airflow.sdk")
    ),
    "a partition for each report date": has_partitions,
    "retries when the server says": lambda: can_import(
        "PlanetReportsRetryPolicy", "airflow_provider_planet_reports.retry_policy"
    ),
    "`airflow planet-reports …`": lambda: hasattr(
        ProvidersManager, "initialize_providers_cli_command"
    ),
}


def table():
    """The page's table: what it says of each feature, by version."""
    page = (TESTS.parent / "docs" / "installation.md").read_text()
    section = page.partition("## Airflow versions\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    (_, *versions), _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {feature: dict(zip(versions, said, strict=True)) for feature, *said in rows}


CLAIMS = table()


def test_the_page_has_every_feature_and_no_other():
    assert CLAIMS.keys() == FEATURES.keys()


@pytest.mark.parametrize("feature", FEATURES)
def test_the_page_is_right_about_this_airflow(feature):
    claims = CLAIMS[feature]
    newest = list(claims)[-1]
    minor = ".".join(airflow.__version__.split(".")[:2])
    said = claims.get(minor, claims[newest])  # what is newer than the table has all of it
    assert (said == "✓") is FEATURES[feature]()


_EVERYTHING = """
import pkgutil, sys, warnings
from importlib import import_module
import airflow_provider_planet_reports as package
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow before 3.2
    from airflow.models.dagbag import DagBag

# DAG files are imported under names that begin like this.
ours = "airflow_provider_planet_reports|unusual_prefix_|duckdb_|postgres_|landed_|usage_"
warnings.filterwarnings("error", module=ours)
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    try:
        module.name.endswith("__main__") or import_module(module.name)
    except ImportError as error:
        of_an_extra = (error.name or "").startswith(("airflow.providers.", "obstore"))
        if not of_an_extra and "needs Airflow" not in str(error):
            raise
bag = DagBag(sys.argv[1])
assert bag.dags
for name, error in bag.import_errors.items():
    assert "needs Airflow" in error, f"{name}: {error}"
"""


def test_no_import_and_no_example_uses_what_this_airflow_calls_deprecated():
    done = subprocess.run(
        [sys.executable, "-c", _EVERYTHING, TESTS.parent / "example_dags"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
