"""What an earlier try of the same task instance landed, and what only looks like it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

FIRST = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1}
IN_LOOP = {**FIRST, "region_id": "018f-loop", "region_index": 0}


def landed_by(ti, destination):
    """The ids that a task instance returns."""
    operator = PlanetReportsToObjectStorageOperator(task_id="t", destination=destination)
    context = {"ti": SimpleNamespace(**ti)}
    return [report["report_id"] for report in operator.execute(context)]


@pytest.mark.parametrize("first", [FIRST, IN_LOOP])
def test_a_retry_returns_what_the_first_try_landed(sandbox, tmp_path, first):
    everything = landed_by(first, tmp_path.as_uri())
    assert len(everything) == len(sandbox.reports)
    assert landed_by({**first, "try_number": 2}, tmp_path.as_uri()) == everything


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (FIRST, {"run_id": "another"}),
        (FIRST, {"map_index": 0}),
        # Airflow 3.4 repeats a task in a loop: all but its region stays the same.
        (IN_LOOP, {"region_index": 1}),
        (IN_LOOP, {"region_id": "018f-other"}),
    ],
)
def test_another_task_instance_returns_nothing_of_it(sandbox, tmp_path, first, other):
    landed_by(first, tmp_path.as_uri())
    assert landed_by({**first, **other, "try_number": 2}, tmp_path.as_uri()) == []
