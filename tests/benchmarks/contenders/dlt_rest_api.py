"""dlt: its ``rest_api`` source, its ``filesystem`` destination, its ``filesystem`` source."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.contenders.provider import fill_disk, zone_on_disk
from benchmarks.job import Job, digest
from benchmarks.server import KEY

__all__ = ["CANNOT", "NEEDS", "fill_disk", "list_into_files", "list_reports", "load_into_duckdb"]
NEEDS = ("dlt",)
CANNOT = {
    "land_on_disk": "loads records into tables, does not copy files",
    "land_on_s3": "loads records into tables, does not copy files",
}


def _source(job: Job) -> Any:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
    from dlt.sources.rest_api import rest_api_source

    return rest_api_source(
        {
            "client": {
                "base_url": job.base_url,
                "auth": {"type": "http_basic", "username": KEY, "password": ""},
                "paginator": {"type": "json_link", "next_url_path": "_links.next"},
            },
            "resources": [
                {
                    "name": "reports",
                    "endpoint": {
                        "path": "",
                        "params": {"page_size": job.page_size} if job.page_size else {},
                        "data_selector": "reports",
                    },
                }
            ],
        }
    )


def list_reports(job: Job) -> Callable[[], dict[str, Any]]:
    """What the source yields, without loading it."""
    source = _source(job)
    return lambda: digest(report["report_id"] for report in source.resources["reports"])


def list_into_files(job: Job) -> Callable[[], dict[str, Any]]:
    """The whole pipeline: records as compressed JSON lines in a folder."""
    import dlt
    from dlt.destinations import filesystem

    source = _source(job)
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(Path(job.folder, "pipelines")),
        destination=filesystem(bucket_url=Path(job.folder, "loaded").as_uri()),
        dataset_name="planet",
    )

    def work() -> dict[str, Any]:
        pipeline.run(source)
        return {}

    return work


def load_into_duckdb(job: Job) -> Callable[[], dict[str, Any]]:
    """Landed files, found and read by the ``filesystem`` source."""
    import dlt
    from dlt.sources.filesystem import filesystem, read_csv

    files = filesystem(zone_on_disk(job).as_uri(), file_glob="report_type=*/**/*.csv")
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=str(Path(job.folder, "pipelines")),
        destination=dlt.destinations.duckdb(f"{job.folder}/warehouse.duckdb"),
        dataset_name="planet",
    )

    def work() -> dict[str, Any]:
        pipeline.run((files | read_csv()).with_name("reports"))
        with (
            pipeline.sql_client() as client,
            client.execute_query("SELECT count(*) FROM reports") as cursor,
        ):
            return {"loaded": job.count, "rows": cursor.fetchone()[0]}

    return work
