"""Plain SQL: files of the same columns into one table, without ledger and proofs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders.provider import fill_disk, zone_on_disk
from benchmarks.job import Job

__all__ = ["NEEDS", "fill_disk", "load_into_duckdb", "load_into_postgres"]
NEEDS = ("duckdb", "psycopg2-binary")
_SCHEMA = "benchmark"


def load_into_duckdb(job: Job) -> Callable[[], dict[str, Any]]:
    """Read all files with one ``read_csv``, which finds out their columns."""
    import duckdb

    files = f"{zone_on_disk(job)}/report_type=*/**/*.csv"

    def work() -> dict[str, Any]:
        with duckdb.connect(f"{job.folder}/warehouse.duckdb") as db:
            db.execute(f"CREATE TABLE reports AS FROM read_csv('{files}', all_varchar = true)")
            found = db.execute("SELECT count(*) FROM reports").fetchone()
        assert found is not None
        return {"loaded": job.count, "rows": found[0]}

    return work


def load_into_postgres(job: Job) -> Callable[[], dict[str, Any]]:
    """Copy all files into a table, in one transaction."""
    with Path(job.file["path"]).open() as file:
        columns = ", ".join(f'"{name}" TEXT' for name in file.readline().strip().split(","))
    db = without_schema()

    def work() -> dict[str, Any]:
        rows = 0
        with db, db.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
            cursor.execute(f"CREATE TABLE {_SCHEMA}.reports ({columns})")
            for path in sorted(zone_on_disk(job).glob("report_type=*/**/*.csv")):
                with path.open("rb") as data:
                    copy = f"COPY {_SCHEMA}.reports FROM STDIN (FORMAT csv, HEADER)"
                    cursor.copy_expert(copy, data, 2**20)
                rows += cursor.rowcount
        return {"loaded": job.count, "rows": rows}

    return work


def without_schema() -> Any:
    """Return a connection to PostgreSQL, where nothing is left of earlier measurements."""
    import psycopg2

    about = json.loads(os.environ["AIRFLOW_CONN_BENCHMARK_POSTGRES"])
    db = psycopg2.connect(
        host=about["host"], port=about["port"], user=about["login"], password=about["password"],
        dbname=about["schema"],
    )  # fmt: skip
    with db, db.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE")
    return db
