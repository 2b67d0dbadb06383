"""Both servers, as processes of their own, and what they are asked about a measurement."""

from __future__ import annotations

import json
import ssl
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
    :param certificate: what to trust, where it speaks TLS.
    """

    origin: str
    certificate: str = ""

    def ask(self, what: str, data: Any = None, **query: str) -> dict[str, Any]:
        """Ask a control question.

        :param what: its name.
        :param data: goes along as JSON.
        :param query: goes along as query.
        """
        body = None if data is None else json.dumps(data).encode()
        address = f"{self.origin}/-/{what}?{urlencode(query)}".rstrip("?")
        trusted = ssl.create_default_context(cafile=self.certificate or None)
        with urllib.request.urlopen(address, body, timeout=60, context=trusted) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def reports_api(listings: Iterable[Listing], certificate: str = "") -> Iterator[Running]:
    """Run the Reports API's side.

    :param listings: what there is.
    :param certificate: a file with certificate and key, for TLS.
    """
    given = json.dumps([listing.to_dict() for listing in listings])
    with _running("benchmarks.server", given, certificate) as server:
        yield server


@contextmanager
def s3(latency: float = 0.0, certificate: str = "") -> Iterator[Running]:
    """Run the bucket's side: S3, Google and Azure.

    :param latency: seconds before each answer.
    :param certificate: a file with certificate and key, for TLS.
    """
    with _running("benchmarks.azure_sink", str(latency), certificate) as server:
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
            origin = process.stdout.readline().decode().strip()
            if not origin:
                raise RuntimeError(f"{module} did not start")
            yield Running(origin, arguments[-1])
        finally:
            process.stdin.close()
