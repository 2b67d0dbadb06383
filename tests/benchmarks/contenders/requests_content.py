"""``requests`` with whole files in memory: ``response.content``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.job import Job
from benchmarks.server import KEY

NEEDS = ("requests",)
CANNOT = {"land_on_s3": "writes files"}


def land_on_disk(job: Job) -> Callable[[], dict[str, Any]]:
    """Each file into memory, and from there to disk."""
    import requests

    session = requests.Session()
    session.auth = (KEY, "")

    def work() -> dict[str, Any]:
        for name, link in job.links():
            response = session.get(link)
            response.raise_for_status()
            Path(job.folder, name).write_bytes(response.content)
        return {}

    return work
