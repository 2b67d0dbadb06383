from __future__ import annotations

import re

import pytest
from surroundings import TESTS

README = (TESTS.parent / "README.md").read_text()


@pytest.mark.parametrize("heading", ["## Try it", "## Run the tests"])
def test_set_up_is_one_command(heading):
    section = README.partition(f"{heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```\w*\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0].strip().splitlines()) == 1


def test_its_dag_parses(tmp_path):
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag

    source = README.partition("## A DAG")[2].partition("```python\n")[2].partition("```")[0]
    (tmp_path / "readme_dag.py").write_text(source)
    bag = DagBag(tmp_path)
    assert not bag.import_errors
    assert bag.dags["planet_usage"].task_ids == ["land", "load", "check"]
    assert len([line for line in source.splitlines() if line.strip()]) <= 25


def test_its_watcher_makes_an_asset_that_schedules():
    pytest.importorskip("airflow.sdk", reason="assets have watchers from Airflow 3.0 on")
    section = README.partition("## Start DAGs when reports appear")[2]
    names: dict = {}
    exec(section.partition("```python\n")[2].partition("```")[0], names)
    (watcher,) = names["reports"].watchers
    assert type(watcher.trigger).__name__ == "PlanetReportsEventTrigger"
