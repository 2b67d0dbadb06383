"""What the README shows runs, and every address that it names is there."""

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


def test_it_can_be_read_in_a_few_minutes():
    assert len(README.splitlines()) <= 150


def test_its_links_and_pictures_lead_somewhere():
    targets = re.findall(r"\]\((?!https://)([^)#]+)", README)
    assert len(targets) > 15
    assert [each for each in targets if not (TESTS.parent / each).exists()] == []
