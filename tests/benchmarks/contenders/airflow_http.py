"""Airflow's own operators: ``HttpOperator`` with ``pagination_function``, ``HttpToS3Operator``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.job import Job, digest
from benchmarks.sink import BUCKET

NEEDS = ("apache-airflow-providers-http", "apache-airflow-providers-amazon")
CANNOT = {"land_on_disk": "no official operator writes files from HTTP to disk"}


def list_reports(job: Job) -> Callable[[], dict[str, Any]]:
    """All pages' answers are kept, and filtered at the end: it knows no other way."""
    from airflow.providers.http.operators.http import HttpOperator

    def following(response: Any) -> dict[str, Any] | None:
        link = response.json()["_links"].get("next")
        return {"endpoint": link.removeprefix(job.base_url), "data": {}} if link else None

    operator = HttpOperator(
        task_id="list",
        http_conn_id="benchmark_http",
        endpoint=job.first_page.removeprefix(job.base_url),
        method="GET",
        pagination_function=following,
        response_filter=lambda pages: [each for page in pages for each in page.json()["reports"]],
    )
    return lambda: digest(report["report_id"] for report in operator.execute({}))


def land_on_s3(job: Job) -> Callable[[], dict[str, Any]]:
    """One operator a file, one after the other, as mapped tasks in one worker would do it."""
    from airflow.providers.amazon.aws.transfers.http_to_s3 import HttpToS3Operator

    def work() -> dict[str, Any]:
        for name, link in job.links():
            HttpToS3Operator(
                task_id="land",
                http_conn_id="benchmark_http",
                endpoint=link.removeprefix(job.base_url),
                s3_bucket=BUCKET,
                s3_key=f"landed/{name}.csv",
                aws_conn_id="benchmark_s3",
                replace=True,
            ).execute({})
        return {}

    return work
