"""The examples as modules, and the warehouses that they load."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from surroundings import TESTS


@dataclass(frozen=True)
class Warehouse:
    """A warehouse of an example.

    :param load: loads what is landed.
    :param loaded: returns the ids of what is loaded.
    :param ask: returns the rows of a query.
    """

    load: Callable[..., dict[str, int]]
    loaded: Callable[[], set[str]]
    ask: Callable[[str], Sequence[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples be imported by name, as in a folder of DAGs."""
    monkeypatch.syspath_prepend(str(TESTS.parent / "example_dags"))


@pytest.fixture(params=["duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest) -> Warehouse:
    """An empty warehouse of each kind."""
    made: Warehouse = request.getfixturevalue(f"{request.param}_warehouse")
    return made


@pytest.fixture
def duckdb_warehouse(examples: None, tmp_path: Path) -> Warehouse:
    """A DuckDB file that is not there yet."""
    import duckdb

    module, path = import_module("duckdb_warehouse"), str(tmp_path / "warehouse.duckdb")

    def ask(sql: str) -> Sequence[tuple[Any, ...]]:
        with duckdb.connect(path) as db:
            return db.execute(sql).fetchall()

    return Warehouse(partial(module.load_reports, path), partial(module.loaded_reports, path), ask)


@pytest.fixture
def postgres_warehouse(
    examples: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A PostgreSQL database without any of our tables."""
    hooks = pytest.importorskip(
        "airflow.providers.postgres.hooks.postgres", reason="needs the extra postgres"
    )
    server = request.getfixturevalue("postgres")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(server.connection))
    module = import_module("postgres_warehouse")

    def ask(sql: str) -> Sequence[tuple[Any, ...]]:
        with closing(hooks.PostgresHook("warehouse").get_conn()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"SET search_path = {module.SCHEMA}")
            cursor.execute(sql)
            connection.commit()
            return cursor.fetchall() if cursor.description else []

    yield Warehouse(
        partial(module.load_reports, "warehouse"), partial(module.loaded_reports, "warehouse"), ask
    )
    ask(f"DROP SCHEMA IF EXISTS {module.SCHEMA} CASCADE")
