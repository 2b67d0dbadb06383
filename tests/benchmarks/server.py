"""The Reports API's side: precomputed pages, files by ``sendfile``, a latency for each request.

Every listing stands below a path of its own, ``/<name>/``. ``python -m benchmarks.server`` takes
the listings as JSON.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.wire import Counters, Request, Wire, serve

KEY = "benchmark-key"
PROCESSES = 2
_BASIC = "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()
_PAGE_SIZES = (50, 1000)


@dataclass(frozen=True)
class Listing:
    """Reports to list and to land.

    :param name: its path.
    :param count: reports.
    :param latency: seconds before each answer.
    :param path: the file that each report's only link leads to.
    :param rows: rows of that file.
    :param status: what everything is answered with.
    :param first: number of the first report: those before it are not listed any more.
    :param series: a day has so many reports, each of another plan or type.
    """

    name: str
    count: int
    latency: float = 0.0
    path: str = os.devnull
    rows: int = 0
    status: int = 200
    first: int = 0
    series: int = 1

    @property
    def numbers(self) -> range:
        """The reports' numbers, in the listing's order."""
        return range(self.first, self.first + self.count)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    def report(self, base_url: str, number: int) -> dict[str, Any]:
        """Return the API's object of a report."""
        name = report_id(number)
        day = str(self.day(number))
        of_day = number % self.series
        return {
            "report_id": name,
            "contents": [f"{base_url}/{name}/1"],
            "org_id": 4321,
            "plan_id": 1001 + of_day // 2,
            "data_date_start": day,
            "data_date_end": day,
            "report_type": ("detailed", "summary")[of_day % 2],
            "num_rows": self.rows,
            "cadence": "daily",
            "has_footprint": True,
            "_links": {"self": f"{base_url}/{name}"},
        }

    def day(self, number: int) -> dt.date:
        """Return the day of a report's data."""
        return dt.date(2000, 1, 1) + dt.timedelta(days=number // self.series)


def report_id(number: int) -> str:
    """Return a report's id: shaped like a UUID, with its number in it."""
    return f"5eed0000-0000-4000-8000-{number:012d}"


class Server:
    """All answers, ready to be sent.

    :param listings: what there is.
    :param counters: what is counted.
    """

    def __init__(self, listings: list[Listing], counters: Counters) -> None:
        self._counters = counters
        self._listings = {listing.name: listing for listing in listings}
        self._answers: dict[str, bytes] = {}
        self._files: dict[str, tuple[bytes, int, int]] = {}

    def prepare(self, origin: str) -> None:
        """Make all answers."""
        for listing in self._listings.values():
            base = f"{origin}/{listing.name}"
            reports = [json.dumps(listing.report(base, n)) for n in listing.numbers]
            for number, report in zip(listing.numbers, reports, strict=True):
                self._answers[f"/{listing.name}/{report_id(number)}"] = _json(report)
            for size in _PAGE_SIZES:
                self._page(listing, base, reports, size)
            file = os.open(listing.path, os.O_RDONLY)
            size = os.fstat(file).st_size
            head = _head("text/csv", size, f'ETag: "{size:x}-{listing.rows:x}"\r\n')
            self._files[listing.name] = (head, file, size)

    def _page(self, listing: Listing, base: str, reports: list[str], size: int) -> None:
        for start in range(0, max(len(reports), 1), size):
            links = {}
            last = report_id(listing.first + start + size - 1)
            if start + size < len(reports):
                query = urlencode({"page_size": size, "after": last})
                links["next"] = f"{base}/?{query}"
            body = f'{{"reports": [{", ".join(reports[start : start + size])}], '
            page = _json(f'{body}"_links": {json.dumps(links)}}}')
            before = f"&after={report_id(listing.first + start - 1)}" if start else ""
            query = f"page_size={size}{before}"
            self._answers[f"/{listing.name}/?{query}"] = page

    def handle(self, wire: Wire, request: Request) -> None:
        """Answer a request."""
        target = request.target
        if target == "/-/counters":
            wire.answer("200 OK", json.dumps(self._counters.read()).encode())
            return
        name = target[1:].partition("/")[0]
        listing = self._listings.get(name)
        if listing is None or request.headers.get("authorization") != _BASIC:
            wire.answer("404 Not Found" if listing is None else "401 Unauthorized")
            return
        if listing.latency:
            time.sleep(listing.latency)
        answer = self._answers.get(target)
        size = 0
        if listing.status != 200:
            wire.answer(f"{listing.status} No")
        elif answer is not None:
            wire.socket.sendall(answer)
        elif target.endswith("/1") and target[:-2] in self._answers:
            head, file, size = self._files[name]
            wire.send_file(head, file, size)
        else:
            wire.socket.sendall(self._first_page(name, target))
        self._counters.add(requests=1, size=size)

    def _first_page(self, name: str, target: str) -> bytes:
        """Return the first page for whatever filters; they are not looked at."""
        asked = parse_qs(urlsplit(target).query).get("page_size", ["50"])[0]
        return self._answers.get(f"/{name}/?page_size={asked}") or _json("{}", "404 Not Found")


def _json(body: str, status: str = "200 OK") -> bytes:
    data = body.encode()
    return _head("application/json", len(data), "", status) + data


def _head(kind: str, size: int, more: str, status: str = "200 OK") -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n{more}\r\n"
    ).encode()


def main() -> None:
    """Serve the listings that are given as JSON; with a certificate, by TLS."""
    counters = Counters(PROCESSES)
    server = Server([Listing(**each) for each in json.loads(sys.argv[1])], counters)
    serve(server.handle, counters, PROCESSES, server.prepare, sys.argv[2])


if __name__ == "__main__":
    main()
