"""Both servers, as processes of their own, and what they are asked about a measurement."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.server import Listing

_TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Running:
    """A server that runs.

    :param origin: its address.
    """

    origin: str

    def ask(self, what: str, data: Any = None, **query: str) -> dict[str, Any]:
        """Ask a control question.

        :param what: its name.
        :param data: goes along as JSON.
        :param query: goes along as query.
        """
        body = None if data is None else json.dumps(data).encode()
        address = f"{self.origin}/-/{what}?{urlencode(query)}".rstrip("?")
        with urllib.request.urlopen(address, body, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def reports_api(listings: Iterable[Listing]) -> Iterator[Running]:
    """Run the Reports API's side."""
    given = json.dumps([listing.to_dict() for listing in listings])
    with _running("benchmarks.server", given) as server:
        yield server


@contextmanager
def s3() -> Iterator[Running]:
    """Run the S3 side."""
    with _running("benchmarks.sink") as server:
        yield server


@contextmanager
def _running(module: str, *arguments: str) -> Iterator[Running]:
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_TESTS,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline()
            if not port:
                raise RuntimeError(f"{module} did not start")
            yield Running(f"http://127.0.0.1:{int(port)}")
        finally:
            process.stdin.close()
