"""curl: as close to the limit as a program that everybody has comes. Nothing is verified."""

from __future__ import annotations

from pathlib import Path

from benchmarks.job import Job
from benchmarks.server import KEY

PROGRAM = "curl"
CANNOT = {"list_reports": "follows no links in JSON", "land_on_s3": "signs single requests only"}


def land_on_disk(job: Job) -> list[str]:
    """Return the command: one file, or many over as many connections as everybody has."""
    common = ["curl", "--silent", "--show-error", "--fail", "--user", f"{KEY}:"]
    if job.count == 1:
        ((name, link),) = job.links()
        return [*common, "--output", str(Path(job.folder, name)), link]
    config = Path(job.more["notes"], "curl.txt")
    config.write_text(
        "".join(
            f'url = "{link}"\noutput = "{Path(job.folder, name)}"\n' for name, link in job.links()
        )
    )
    return [*common, "--parallel", "--parallel-max", str(job.at_a_time), "--config", str(config)]
