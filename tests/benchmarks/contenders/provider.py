"""This provider, as users run it: its operators, on Airflow connections."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.job import Job, destination, digest, prefix

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
    return _landing(job, on_s3=False)


def land_on_s3(job: Job) -> Work:
    """List, land, verify, receipt."""
    from airflow_provider_planet_reports.landing.stores.opening import open_store

    open_store(destination(job, on_s3=True))  # connects, which is not timed
    return _landing(job, on_s3=True)


def land_on_s3_by_fsspec(job: Job) -> Work:
    """The same, without the faster writer."""
    sys.modules["obstore"] = None  # type: ignore[assignment]
    return land_on_s3(job)


def _landing(job: Job, *, on_s3: bool) -> Work:
    from airflow_provider_planet_reports.landing import destination as _, places  # noqa: F401, I001 - not timed
    from airflow_provider_planet_reports.transfers import landing_run  # noqa: F401 - not timed
    from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
        PlanetReportsToObjectStorageOperator,
    )

    operator = PlanetReportsToObjectStorageOperator(
        task_id="land",
        planet_reports_conn_id=CONN_ID,
        destination=destination(job, on_s3=on_s3),
        max_workers=job.at_a_time,
        row_count_check="fail",
    )

    def work() -> dict[str, Any]:
        reports = operator.execute({})
        files = [file for report in reports for file in report["files"]]
        right = {name: job.file.get(name) for name in ("bytes", "sha256", "rows")}
        return {
            "reports": len(reports),
            "new": sum(report["new"] for report in reports),
            "verified": sum(right.items() <= file.items() for file in files),
        }

    return work


def fill_s3(job: Job) -> Work:
    """Not measured: have everything landed, as a run would have left it."""
    import json
    import urllib.request

    from airflow_provider_planet_reports.client.report import Report
    from airflow_provider_planet_reports.landing import layout
    from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
    from airflow_provider_planet_reports.landing.zone import open_zone
    from benchmarks.server import Listing

    listing = Listing("landed", job.count, rows=job.file["rows"])

    def receipt(number: int) -> Receipt:
        report = Report.from_dict(listing.report(job.base_url.rstrip("/"), number))
        name = layout.data_folder(report) + layout.part_name(1, ".csv")
        right = LandedFile(name, job.file["bytes"], job.file["sha256"], job.file["rows"])
        return Receipt.issue(report, (right,), {})

    def work() -> dict[str, Any]:
        receipts = [receipt(number) for number in range(job.count)]
        objects = {
            f"{prefix(job)}/{layout.receipt_key(each.report_id)}": each.to_json().decode()
            for each in receipts
        }
        urllib.request.urlopen(f"{job.s3}/-/put", json.dumps(objects).encode()).read()
        zone = open_zone(destination(job, on_s3=True))
        zone.remember({each.report_id: each for each in receipts})
        return {"count": len(receipts)}

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
