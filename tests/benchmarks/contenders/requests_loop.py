"""The documentation's loop: ``requests``, following the next links; files in small chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.job import Job, digest
from benchmarks.server import KEY

NEEDS = ("requests",)
CANNOT = {"land_on_s3": "writes files"}
#: As its documentation shows it, for ``iter_content``.
_CHUNK = 8192


def _session() -> Any:
    import requests

    session = requests.Session()
    session.auth = (KEY, "")
    return session


def list_reports(job: Job) -> Callable[[], dict[str, Any]]:
    """Page by page, by the next links."""
    session = _session()

    def ids() -> Iterator[str]:
        address = job.first_page
        while address:
            response = session.get(address)
            response.raise_for_status()
            page = response.json()
            yield from (report["report_id"] for report in page["reports"])
            address = page["_links"].get("next")

    return lambda: digest(ids())


def land_on_disk(job: Job) -> Callable[[], dict[str, Any]]:
    """Streams each file to disk; nothing is verified."""
    session = _session()

    def fetch(each: tuple[str, str]) -> None:
        name, link = each
        with session.get(link, stream=True) as response, Path(job.folder, name).open("wb") as file:
            response.raise_for_status()
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)

    def work() -> dict[str, Any]:
        if job.at_a_time == 1 or job.more.get("bare"):
            for each in job.links():
                fetch(each)
        else:
            with ThreadPoolExecutor(job.at_a_time) as threads:
                list(threads.map(fetch, job.links()))
        return {}

    return work
