"""This provider, as users run it: its operators, on Airflow connections."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.job import Job, bucket_url, digest, prefix

if TYPE_CHECKING:
    from airflow_provider_planet_reports.landing.receipt import Receipt

NEEDS = ("apache-airflow",)
CONN_ID = "benchmark_planet"
Work = Callable[[], dict[str, Any]]


def list_reports(job: Job) -> Work:
    """Through the hook, lazily."""
    from airflow_provider_planet_reports.client import api  # noqa: F401 - not timed
    from airflow_provider_planet_reports.client.transport import session  # noqa: F401 - not timed
    from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook

    hook = PlanetReportsHook(CONN_ID)
    hook.get_conn()
    return lambda: digest(report.report_id for report in hook.list_reports(page_size=job.page_size))


def land_on_disk(job: Job) -> Work:
    """List, land, verify, receipt."""
    return _landing(job, f"file://{job.folder}")


def land_on_s3(job: Job) -> Work:
    """The same, on S3."""
    return _landing(job, bucket_url(job, "s3"))


def land_on_google(job: Job) -> Work:
    """The same, on Google Cloud Storage."""
    return _landing(job, bucket_url(job, "gs"))


def land_on_azure(job: Job) -> Work:
    """The same, on Azure Blob Storage."""
    return _landing(job, bucket_url(job, "abfs"))


def _landing(job: Job, destination: str) -> Work:
    from airflow_provider_planet_reports.landing import run, zone  # noqa: F401 - not timed
    from airflow_provider_planet_reports.landing.stores.opening import open_store
    from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
        PlanetReportsToObjectStorageOperator,
    )

    operator = PlanetReportsToObjectStorageOperator(
        task_id="land",
        planet_reports_conn_id=CONN_ID,
        destination=destination,
        start=job.more.get("start"),
        row_count_check="fail",
        **({"max_workers": job.at_a_time} if job.at_a_time else {}),
    )
    if job.more.get("whole task"):
        _import_hooks()
    else:
        open_store(destination)  # reads the connection, too

    def work() -> dict[str, Any]:
        reports = operator.execute({})
        files = [file for report in reports for file in report["files"]]
        right = {name: job.file.get(name) for name in ("bytes", "sha256", "rows")}
        return {
            "landed": len(reports),
            "verified": sum(right.items() <= file.items() for file in files),
        }

    return work


def _import_hooks() -> None:
    """Import Airflow's hooks of the stores, which is not timed, and read no connection."""
    for kind in ("amazon", "azure", "google"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"airflow_provider_planet_reports.landing.stores.{kind}")


def fill_s3(job: Job) -> Work:
    """Not measured: have everything landed, as a run would have left it."""

    def work() -> dict[str, Any]:
        objects: dict[str, str | None] = {}
        for each in _landed(job):
            objects[f"{prefix(job)}/{each.key.receipt}"] = each.to_json().decode()
            objects |= {f"{prefix(job)}/{file.name}": None for file in each.files}
        urllib.request.urlopen(f"{job.s3}/-/put", json.dumps(objects).encode()).read()
        return {}

    return work


def fill_disk(job: Job) -> Work:
    """The same, on disk."""

    def work() -> dict[str, Any]:
        zone = zone_on_disk(job)
        for each in () if zone.exists() else _landed(job):
            receipt = zone / each.key.receipt
            receipt.parent.mkdir(parents=True, exist_ok=True)
            receipt.write_bytes(each.to_json())
            for file in each.files:
                path = zone / file.name
                path.parent.mkdir(parents=True)
                path.hardlink_to(job.file["path"])
        return {}

    return work


def zone_on_disk(job: Job) -> Path:
    """Return where a job's reports are landed on disk."""
    return Path(job.more["notes"], "zones", str(job.count))


def _landed(job: Job) -> Iterator[Receipt]:
    """Yield the receipts of landed reports."""
    from airflow_provider_planet_reports.client.report import Report
    from airflow_provider_planet_reports.landing.layout import ReportKey
    from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
    from benchmarks.server import Listing

    series, count = job.more.get("series", 1), job.more.get("landed", job.count)
    listing = Listing("landed", count, rows=job.file["rows"], series=series)
    landing = "0123456789abcdef"
    for number in listing.numbers:
        report = Report.from_dict(listing.report(job.base_url.rstrip("/"), number))
        key = ReportKey.of(report)
        name = f"{key.folder}part-00001-{landing}.csv"
        right = LandedFile(name, job.file["bytes"], job.file["sha256"], job.file["rows"])
        now = "2026-11-02T06:00:00+00:00"
        yield Receipt(key, landing, report.redacted_dict(), (right,), now, now, landed_by={})


def read_back(job: Job) -> Work:
    """What is landed, from the receipts."""
    from airflow_provider_planet_reports.landing import landed_reports

    _import_hooks()
    return lambda: {"read": sum(1 for _ in landed_reports(bucket_url(job, "s3")))}


def load_into_duckdb(job: Job) -> Work:
    """Landed reports into a new DuckDB file."""
    import duckdb  # noqa: F401 - not timed

    return _load(job, f"duckdb://{job.folder}/warehouse.duckdb")


def load_into_postgres(job: Job) -> Work:
    """Landed reports into a new schema of a PostgreSQL database."""
    from airflow.providers.postgres.hooks import postgres  # noqa: F401 - not timed

    from benchmarks.contenders.plain_sql import without_schema

    without_schema().close()
    return _load(job, "postgres://benchmark_postgres@/benchmark")


def _load(job: Job, warehouse: str) -> Work:
    from airflow_provider_planet_reports.warehouse import load_reports

    _import_hooks()
    source = f"file://{zone_on_disk(job)}" if job.more.get("on disk") else bucket_url(job, "s3")

    def work() -> dict[str, Any]:
        loaded = load_reports(source, warehouse)
        return {"loaded": loaded.reports, "rows": loaded.rows}

    return work


def import_operators(job: Job) -> Work:
    """What a DAG file pays on top of Airflow's own base classes."""
    from airflow.providers.common.compat.sdk import (  # noqa: F401
        AirflowSkipException,
        BaseHook,
        BaseOperator,
        BaseOperatorLink,
    )

    before = len(sys.modules)

    def work() -> dict[str, Any]:
        import airflow_provider_planet_reports.operators.planet_reports
        import airflow_provider_planet_reports.transfers.planet_reports_to_object_storage  # noqa: F401

        return {"modules": len(sys.modules) - before}

    return work
