"""The DAGs that README.md, the pages and example_dags/ show, and runs of them in this process."""

from __future__ import annotations

import datetime as dt
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import airflow
import pytest
from airflow.providers.common.compat.sdk import DAG
from surroundings import TESTS

ROOT = TESTS.parent
EXAMPLES = ROOT / "example_dags"
#: The bucket that the README and the pages land in.
BUCKET = "my-bucket"
_ON_AIRFLOW_2 = airflow.__version__.startswith("2.")
ASSET_TRIGGERED = "dataset_triggered" if _ON_AIRFLOW_2 else "asset_triggered"
#: What starts a run, in the words that Airflow has for it.
KINDS = ("scheduled", "backfill", "manual", ASSET_TRIGGERED)
_FENCED = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^\.\. code-block:: python\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def sources() -> dict[str, str]:
    """Return the code of each documented DAG file, by a name for tests."""
    found = {path.stem: path.read_text() for path in sorted(EXAMPLES.glob("planet_reports_*.py"))}
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.*"))]:
        if page.suffix in (".md", ".rst"):
            text = page.read_text()
            directives = (f"\n{block}" for block in _DIRECTIVE.findall(text))
            for block in [*_FENCED.findall(text), *map(inspect.cleandoc, directives)]:
                if dag_ids := re.findall(r"with DAG\(\s*\"(\w+)\"", block):
                    found[f"{page.stem}-{'-'.join(dag_ids)}"] = block
    return found


def dags_of(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, DAG]:
    """Return the DAGs of a file by id, as Airflow finds them in a folder of DAGs.

    :param source: the file's code.
    :param folder: the folder, which holds this file alone.
    """
    from airflow import settings

    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow before 3.2
        from airflow.models.dagbag import DagBag

    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(folder))
    monkeypatch.setattr(settings, "DAGS_FOLDER", str(folder))
    folder.mkdir(exist_ok=True)
    (folder / "documented_dag.py").write_text(source)
    bag = DagBag(folder)
    assert not bag.import_errors
    for dag in bag.dags.values():
        for task in dag.tasks:  # nobody waits for a retry to see a failure
            settings_of_task = getattr(task, "partial_kwargs", vars(task))  # of mapped ones
            settings_of_task["retries"] = 0
    return dict(bag.dags)


def run(
    dag: DAG,
    kind: str = "manual",
    when: dt.datetime | None = None,
    partition_key: str | None = None,
    **conf: Any,
) -> Any:
    """Run a DAG; return the run.

    Without ``when``, a run has a logical date only on Airflow 2, where each has one.

    :param dag: the DAG.
    :param kind: one of ``KINDS``.
    :param when: the logical date.
    :param partition_key: partition of the assets, from Airflow 3.3 on.
    :param conf: values of params.
    """
    name = "execution_date" if _ON_AIRFLOW_2 else "logical_date"
    date = {} if _ON_AIRFLOW_2 and when is None else {name: when}
    partition = {"partition_key": partition_key} if partition_key else {}
    with _new_runs_have(run_type=kind, **partition):
        return dag.test(run_conf=conf, **date)


@contextmanager
def _new_runs_have(**fields: str) -> Iterator[None]:
    """Set fields of new runs: ``DAG.test`` makes manual ones, without a partition."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import event

    def set_fields(mapper: Any, connection: Any, new: Any) -> None:
        for name, value in fields.items():
            setattr(new, name, value)

    event.listen(DagRun, "before_insert", set_fields)
    try:
        yield
    finally:
        event.remove(DagRun, "before_insert", set_fields)
