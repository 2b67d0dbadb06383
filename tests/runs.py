"""Runs of the tests' own DAGs, in Airflow itself."""

from __future__ import annotations

import importlib.util
from typing import Any

from surroundings import TESTS


def dag_of(file: str, dag_id: str) -> Any:
    """Return a DAG of tests/dags.

    :param file: its file's name.
    :param dag_id: its id, and its name in that file.
    """
    source = TESTS / "dags" / file
    spec = importlib.util.spec_from_file_location(f"{source.stem}_dags", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, dag_id)
