"""The pages' tables of parameters agree with the signatures."""

from __future__ import annotations

import inspect
import re
from importlib import import_module

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports.airflow_side.parameters import (
    PlanetReportsBaseOperator,
    PlanetReportsBaseSensor,
)
from airflow_provider_planet_reports.client.filters import Filters

DOCS = TESTS.parent / "docs"
REFERENCE = (DOCS / "reference.md").read_text()
SECTIONS = dict(re.findall(r"^## (Planet\w+)\n(.*?)(?=^## |\Z)", REFERENCE, re.M | re.S))
REQUIRED = "required"
#: Set by a setting of Airflow's, so different from one to the next.
SETTINGS = {"Airflow's setting"}


def rows(text):
    """Yield name, default and whether it is templated, of each row of a table."""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("|") and len(cells) == 5 and cells[0] not in ("parameter", "filters"):
            yield cells[0].strip("`"), cells[2].strip("`"), cells[3] == "yes"


def class_of(section, name):
    (module,) = re.findall(r"`(airflow_provider_planet_reports\.\w+\.\w+)`", section)[:1]
    return getattr(import_module(module), name)


def parameters(owner, besides=()):
    """Return each parameter's default, as the table writes it, and whether it is templated."""
    templated = getattr(owner, "template_fields", ())
    return {
        name: (written(parameter.default), name in templated)
        for name, parameter in inspect.signature(owner.__init__).parameters.items()
        if name not in ("self", "filters", "kwargs", *besides)
    }


def written(default):
    if default is inspect.Parameter.empty:
        return REQUIRED
    return getattr(default, "__name__", None) or (
        "NOTSET" if type(default).__name__ in ("ArgNotSet", "_ArgNotSet") else repr(default)
    )


def test_every_operator_sensor_and_trigger_has_a_table():
    registry = (TESTS.parent / ".airflow-registry.yaml").read_text()
    listed = re.findall(
        r"module: \S+\.(?:operators|transfers|sensors|triggers)\.\w+\.(\w+)", registry
    )
    assert set(listed) <= SECTIONS.keys()
    assert len(SECTIONS) >= 8


@pytest.mark.parametrize("name", SECTIONS)
def test_its_table_has_every_parameter_its_default_and_whether_it_is_templated(name):
    if name == "PlanetReportsEventTrigger":
        pytest.importorskip("airflow.sdk", reason="events start DAGs from Airflow 3.0 on")
    owner = class_of(SECTIONS[name], name)
    filters = Filters.names() if "\n| filters |" in SECTIONS[name] else ()
    actual = parameters(owner, filters)
    if issubclass(owner, (PlanetReportsBaseOperator, PlanetReportsBaseSensor)):
        actual = parameters(PlanetReportsBaseOperator, filters) | actual  # passed on to the base
    documented = {
        name: (actual[name][0] if default in SETTINGS and name in actual else default, templated)
        for name, default, templated in rows(SECTIONS[name])
    }
    assert documented == actual


def test_the_table_of_filters_has_each_and_all_are_templated():
    found = list(rows((DOCS / "filters.md").read_text()))
    assert [name for name, _, _ in found] == list(Filters.names())
    assert {(default, templated) for _, default, templated in found} == {("None", True)}
    assert set(Filters.names()) <= set(PlanetReportsBaseOperator.template_fields)
