"""What a contender is asked to do."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.azure_sink import ACCOUNT, ACCOUNT_KEY
from benchmarks.server import KEY, report_id
from benchmarks.sink import ACCESS_KEY, BUCKET, SECRET_KEY

REGION = "us-east-1"


@dataclass(frozen=True)
class Job:
    """A piece of work, the same for all who take part.

    :param base_url: the listing's address, ending in a slash.
    :param count: its reports.
    :param folder: where files are to come to lie, and where there is room for notes.
    :param s3: the S3 server, which speaks Google's and Azure's protocols, too.
    :param file: the file behind each report, as :class:`.content.Content` describes it.
    :param at_a_time: downloads at a time; 0 for the contender's own default.
    :param page_size: reports a page; None where the contender may choose.
    :param more: what only some jobs have.
    """

    base_url: str
    count: int
    folder: str = ""
    s3: str = ""
    file: dict[str, Any] = field(default_factory=dict)
    at_a_time: int = 1
    page_size: int | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """Read a job."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Write the job out."""
        return json.dumps(asdict(self))

    @property
    def first_page(self) -> str:
        """The first page's address."""
        return f"{self.base_url}?page_size={self.page_size}" if self.page_size else self.base_url

    def links(self) -> list[tuple[str, str]]:
        """Return id and content link of each report, for those who do not list."""
        ids = map(report_id, range(self.count))
        return [(name, f"{self.base_url}{name}/1") for name in ids]

    def expected_ids(self) -> dict[str, Any]:
        """Return what a right listing comes down to."""
        return digest(report_id(number) for number in range(self.count))


def digest(ids: Iterable[str]) -> dict[str, Any]:
    """Return number and digest of ids, in their order."""
    count, sha256 = 0, hashlib.sha256()
    for each in ids:
        count += 1
        sha256.update(each.encode() + b"\n")
    return {"count": count, "sha256": sha256.hexdigest()}


def connect(job: Job) -> None:
    """Put the connections of all Airflow contenders into the environment."""
    planet = {"conn_type": "planet_reports", "password": KEY, "host": job.base_url}
    planet["extra"] = job.more.get("connection", {})
    http = {"conn_type": "http", "login": KEY, "password": "", "host": job.base_url.rstrip("/")}
    aws = {
        "conn_type": "aws",
        "login": ACCESS_KEY,
        "password": SECRET_KEY,
        "extra": {
            "endpoint_url": job.s3,
            "region_name": REGION,
            "config_kwargs": {"s3": {"addressing_style": "path"}},
        },
    }
    google = {
        "conn_type": "google_cloud_platform",
        "extra": {"is_anonymous": True, "gcs.endpoint": job.s3, "project": "benchmark"},
    }
    azure = {
        "conn_type": "wasb",
        "extra": {
            "connection_string": f"DefaultEndpointsProtocol={job.s3.partition(':')[0]};"
            f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};BlobEndpoint={job.s3}/{ACCOUNT};"
        },
    }
    connections = {"planet": planet, "http": http, "s3": aws, "gs": google, "abfs": azure}
    if "postgres" in job.more:
        connections["postgres"] = job.more["postgres"]
    for name, connection in connections.items():
        os.environ[f"AIRFLOW_CONN_BENCHMARK_{name.upper()}"] = json.dumps(connection)


def prefix(job: Job) -> str:
    """Return where in the bucket a listing's reports go."""
    return job.base_url.rstrip("/").rpartition("/")[2]


def bucket_url(job: Job, scheme: str) -> str:
    """Return where the provider is to land.

    :param scheme: ``s3``, ``gs`` or ``abfs``.
    """
    return f"{scheme}://benchmark_{scheme}@{BUCKET}/{prefix(job)}"
