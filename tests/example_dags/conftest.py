"""The examples as modules, and the warehouses that they load."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import airflow
import pytest
from documented_dags import BUCKET, dags_of, sources
from surroundings import TESTS

#: The first Airflow that a documented DAG file can be read by.
_NEEDS = {
    "planet_reports_event_driven": (3, 0),
    "watch-planet_usage_on_arrival": (3, 0),
    "planet_reports_monthly": (3, 3),
    "assets-planet_usage_of_a_day": (3, 3),
}


@dataclass(frozen=True)
class Warehouse:
    """A warehouse of an example.

    :param ask: returns the rows of a query.
    """

    ask: Callable[[str], Sequence[tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let examples be imported by name, as in a folder of DAGs."""
    monkeypatch.syspath_prepend(str(TESTS.parent / "example_dags"))


@pytest.fixture
def duckdb_warehouse(examples: None, tmp_path: Path) -> Warehouse:
    """A DuckDB file that is not there yet."""
    import duckdb

    path = str(tmp_path / "warehouse.duckdb")

    def ask(sql: str) -> Sequence[tuple[Any, ...]]:
        with duckdb.connect(path) as db:
            return db.execute(sql).fetchall()

    return Warehouse(ask)


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

    def ask(sql: str) -> Sequence[tuple[Any, ...]]:
        with closing(hooks.PostgresHook("warehouse").get_conn()) as connection:
            cursor = connection.cursor()
            cursor.execute("SET search_path = planet_reports")
            cursor.execute(sql)
            connection.commit()
            return cursor.fetchall() if cursor.description else []

    yield Warehouse(ask)
    ask("DROP SCHEMA IF EXISTS planet_reports CASCADE")


@pytest.fixture
def documented(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    airflow_db: None,
) -> Callable[..., dict[str, Any]]:
    """Return a documented file's DAGs by id, and let them have what they need.

    Buckets of S3 are on a server on loopback, Google's are folders.
    """
    for name, value in {
        "PLANET_REPORTS_DESTINATION": (tmp_path / "landing").as_uri(),
        "PLANET_REPORTS_WAREHOUSE": f"duckdb://{tmp_path}/warehouse.duckdb",
        "PLANET_REPORTS_DASHBOARD": (tmp_path / "dashboard").as_uri(),
        "PLANET_REPORTS_FOCUS": (tmp_path / "focus").as_uri(),
        "PLANET_REPORTS_POSTGRES_CONN_ID": "warehouse",
        "PLANET_REPORTS_ORG_IDS": "4321",  # the sandbox's
    }.items():
        monkeypatch.setenv(name, value)

    def documented(name: str) -> dict[str, Any]:
        if tuple(map(int, airflow.__version__.split(".")[:2])) < _NEEDS.get(name, (0,)):
            pytest.skip("needs Airflow {}.{}".format(*_NEEDS[name]))
        source = sources()[name].replace("gs://google_cloud_default@", f"file://{tmp_path}/")
        source = source.replace("gs://", f"file://{tmp_path}/")
        source = re.sub("duckdb:///(data|tmp)/", f"duckdb://{tmp_path}/", source)
        source = source.replace("file:///tmp/", f"{tmp_path.as_uri()}/")
        if "s3://" in source:
            _have_bucket(request, monkeypatch)
        if name == "planet_reports_postgres":
            request.getfixturevalue("postgres_warehouse")
        beside = TESTS.parent / "example_dags" / f"{name}.sql"
        if beside.exists():
            (tmp_path / "dags").mkdir(exist_ok=True)
            (tmp_path / "dags" / "documented_dag.sql").write_bytes(beside.read_bytes())
        return dags_of(source, tmp_path / "dags", monkeypatch)

    return documented


def _have_bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    server = request.getfixturevalue("moto")
    for conn_id in ("MY_AWS_CONNECTION", "AWS_DEFAULT"):
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}", json.dumps(server.connection))
    server.client.create_bucket(Bucket=BUCKET)

    def delete() -> None:
        for each in server.client.list_objects_v2(Bucket=BUCKET).get("Contents", []):
            server.client.delete_object(Bucket=BUCKET, Key=each["Key"])
        server.client.delete_bucket(Bucket=BUCKET)

    request.addfinalizer(delete)
