"""What a good engineer writes in an hour: ``requests``, boto3 and threads.

It lists the bucket and the API, and lands each report that has no object yet. It counts no rows,
hashes nothing and writes no receipt.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.job import REGION, Job, prefix
from benchmarks.server import KEY, report_id
from benchmarks.sink import ACCESS_KEY, BUCKET, SECRET_KEY

NEEDS = ("boto3", "requests")
CANNOT = {"land_on_google": "speaks to AWS only"}
_PAGE_SIZE = 1000
#: Larger files are streamed, in parts.
_AT_ONCE = 8 * 2**20


def land_on_s3(job: Job) -> Callable[[], dict[str, Any]]:
    """Land what is new; the clients are made within the time that is measured."""
    import boto3
    import requests
    from botocore.config import Config

    def work() -> dict[str, Any]:
        client = boto3.client(
            "s3",
            endpoint_url=job.s3,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=job.at_a_time),
        )
        session = requests.Session()
        session.auth = (KEY, "")
        session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=job.at_a_time))

        def get(address: str, **how: Any) -> Any:
            response = session.get(address, timeout=60, **how)
            response.raise_for_status()
            return response

        def land(report: dict[str, Any]) -> None:
            key = f"{prefix(job)}/{report['report_id']}.csv"
            with get(report["contents"][0], stream=True) as response:
                if int(response.headers["Content-Length"]) > _AT_ONCE:
                    client.upload_fileobj(response.raw, BUCKET, key)
                else:
                    client.put_object(Bucket=BUCKET, Key=key, Body=response.content)

        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{prefix(job)}/"
        )
        there = {each["Key"] for page in pages for each in page.get("Contents", ())}
        address, new = f"{job.base_url}?page_size={_PAGE_SIZE}", []
        while address:
            page = get(address).json()
            new += [
                each
                for each in page["reports"]
                if f"{prefix(job)}/{each['report_id']}.csv" not in there
            ]
            address = page["_links"].get("next")
        with ThreadPoolExecutor(job.at_a_time) as threads:
            list(threads.map(land, new))
        return {"landed": len(new)}

    return work


def fill_s3(job: Job) -> Callable[[], dict[str, Any]]:
    """Not measured: have everything landed, as an earlier run would have left it."""

    def work() -> dict[str, Any]:
        count = job.more.get("landed", job.count)
        objects = {f"{prefix(job)}/{report_id(number)}.csv": None for number in range(count)}
        urllib.request.urlopen(f"{job.s3}/-/put", json.dumps(objects).encode()).read()
        return {"count": count}

    return work
