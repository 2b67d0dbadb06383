"""boto3: each answer's stream handed to ``upload_fileobj``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.job import REGION, Job
from benchmarks.server import KEY
from benchmarks.sink import ACCESS_KEY, BUCKET, SECRET_KEY

NEEDS = ("boto3", "requests")
CANNOT = {"list_reports": "speaks to AWS only", "land_on_disk": "speaks to AWS only"}


def land_on_s3(job: Job) -> Callable[[], dict[str, Any]]:
    """Streams each file into S3; as many at a time as everybody."""
    import boto3
    import requests
    from botocore.config import Config

    session = requests.Session()
    session.auth = (KEY, "")
    client = boto3.client(
        "s3",
        endpoint_url=job.s3,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
        config=Config(s3={"addressing_style": "path"}),
    )

    def land(each: tuple[str, str]) -> None:
        name, link = each
        with session.get(link, stream=True) as response:
            response.raise_for_status()
            client.upload_fileobj(response.raw, BUCKET, f"landed/{name}.csv")

    def work() -> dict[str, Any]:
        with ThreadPoolExecutor(job.at_a_time) as threads:
            list(threads.map(land, job.links()))
        return {}

    return work
