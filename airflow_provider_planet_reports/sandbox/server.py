"""The sandbox's HTTP side."""

from __future__ import annotations

import base64
import datetime as dt
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from airflow_provider_planet_reports.sandbox.account import SPECIFICATION, products
from airflow_provider_planet_reports.sandbox.http import Answer, Request, content_of, serving
from airflow_provider_planet_reports.sandbox.rate import Rate
from airflow_provider_planet_reports.sandbox.reports import MadeUpReport, made_up_reports

PATH = "/reports/v1"
PRODUCTS_PATH = "/account/v1/my/products"
#: A key that lists and downloads, and one of somebody who is no organization administrator.
ADMINISTRATOR_KEY = "sandbox-key"
MEMBER_KEY = "sandbox-member-key"

_DEFAULT_PAGE = 50
_PRODUCTS_PAGE = 2
_FILTERS = ("plan_id", "report_type", "cadence", "start", "end")


def too_many_requests(retry_after: str | None) -> Answer:
    """Return the refusal of a request beyond the rate limit.

    :param retry_after: when to try again, as the header has it; None where it is not said.
    """
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(429, {"message": "You have exceeded your rate limit."}, headers)


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"message": message})


class Sandbox:
    """An API with made-up reports.

    Tests may look at ``exchanges``, add reports with :meth:`publish`, and override
    :meth:`answer` to misbehave.

    :param days: how many days back there are reports, by default 30.
    :param last_day: the newest day with reports; yesterday (UTC) by default.
    :param plans: plans, each with its own reports, by default 1001 and 1002.
    :param org_id: the organization, by default 4321.
    :param seed: what makes the figures, by default 1.
    :param part_bytes: size that each part at least has; by default 0, for what comes naturally.
    :param largest_page: largest ``page_size`` accepted, by default 1000.
    :param key: the API key that is let in, by default ``sandbox-key``.
    :param underscored_links: whether links are written ``_next``, ``_self``; by default False.
    :param requests_per_second: requests that are let in within any one second; those beyond it
        get a 429 and ``Retry-After: 1``. By default all are.
    """

    def __init__(
        self,
        *,
        days: int = 30,
        last_day: dt.date | None = None,
        plans: tuple[int, ...] = (1001, 1002),
        org_id: int = 4321,
        seed: int = 1,
        part_bytes: int = 0,
        largest_page: int = 1000,
        key: str = ADMINISTRATOR_KEY,
        underscored_links: bool = False,
        requests_per_second: int | None = None,
    ) -> None:
        if last_day is None:
            last_day = dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1)
        self._plans = plans
        self.key = key
        self.org_id = org_id
        self.base_url = ""
        #: Method, path with query, and status of the last requests, oldest first.
        self.exchanges: deque[tuple[str, str, int]] = deque(maxlen=100_000)
        self._largest_page = largest_page
        self._underscored = underscored_links
        self._rate = Rate(requests_per_second)
        self._lock = threading.Lock()
        self._reports: dict[str, MadeUpReport] = {}
        self._withdrawn: set[str] = set()
        self._selections: dict[tuple[str, ...], list[MadeUpReport]] = {}
        self.publish(
            *made_up_reports(
                seed=seed, org_id=org_id, plans=plans, days=days, last_day=last_day,
                part_bytes=part_bytes,
            )
        )  # fmt: skip

    def publish(self, *reports: MadeUpReport) -> None:
        """Make reports visible, in front of the others, or in the place of an older edition.

        :param reports: what to publish; their ids tell which are there already.
        """
        new = {report.report_id: report for report in reports}
        with self._lock:
            kept = {name: new.pop(name, report) for name, report in self._reports.items()}
            self._reports = new | kept
            self._selections.clear()

    def withdraw(self, report_id: str) -> None:
        """Have a report not exist any more; listings under way go on behind it.

        :param report_id: its id.
        """
        with self._lock:
            self._withdrawn.add(report_id)

    @property
    def reports(self) -> list[dict[str, Any]]:
        """All reports, as the API describes them."""
        return self._describe_all(list(self._reports.values()))

    @property
    def busiest_second(self) -> int:
        """Most requests that came within any one second so far, refused ones included."""
        return self._rate.busiest

    def part(self, report_id: str, number: int) -> bytes:
        """Return a file's bytes.

        :param report_id: the report.
        :param number: 1 for the first.
        """
        return b"".join(self._reports[report_id].part(number).read())

    @contextmanager
    def serve(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback for as long as the context lasts, and give the base URL.

        :param port: TCP port; a free one by default.
        :return: the base URL, for the connection's host.
        """
        with serving(self._respond, port) as origin:
            self.base_url = origin + PATH
            yield self.base_url

    def _respond(self, request: Request) -> Answer:
        answer = self.answer(request) if self._rate.lets_in() else too_many_requests("1")
        self.exchanges.append((request.method, request.target, answer.status))
        return answer

    def answer(self, request: Request) -> Answer:
        """Answer a request, as the Reports API would.

        :param request: what a client asked for.
        :return: what it gets.
        """
        try:
            self._authenticate(request.headers.get("authorization", ""))
            if request.method != "GET":
                raise _Refusal(405, f"{request.method} is not supported.")
            if request.path.rstrip("/") == PRODUCTS_PATH:
                return Answer(200, self._products(request.query))
            steps = request.path.removeprefix(PATH).strip("/")
            if not request.path.startswith(PATH):
                raise _Refusal(404, "There is nothing at this address.")
            if not steps:
                return Answer(200, self._page(request.query))
            if steps == "swagger":
                return Answer(200, SPECIFICATION)
            report_id, _, number = steps.partition("/")
            report = self._reports.get(report_id)
            if report is None or report_id in self._withdrawn:
                raise _Refusal(404, f"Report {report_id!r} does not exist.")
            if not number:
                return Answer(200, self._describe(report))
            if not number.isdigit() or not 1 <= int(number) <= report.part_count:
                raise _Refusal(404, f"Report {report_id!r} has no part {number!r}.")
            return content_of(report.part(int(number)), request.headers)
        except _Refusal as refusal:
            return refusal.answer

    def _authenticate(self, header: str) -> None:
        scheme, _, token = header.partition(" ")
        try:
            user, colon, password = base64.b64decode(token, validate=True).decode().partition(":")
        except ValueError:
            user = colon = password = ""
        if scheme.lower() != "basic" or not colon or password:
            raise _Refusal(401, "Give the API key as user name, with an empty password.")
        if user == MEMBER_KEY:
            raise _Refusal(403, "Only organization administrators may see reports.")
        if user != self.key:
            raise _Refusal(401, "The API key is not valid.")

    def _products(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return a page of the account's products; its links name the next one."""
        size, begin = _whole(query, "limit", _PRODUCTS_PAGE), _whole(query, "offset", 0)
        found = products(self._plans, self.org_id, list(self._reports.values()))
        address = self.base_url.removesuffix(PATH) + PRODUCTS_PATH
        more = begin + size < len(found)
        following = f"{address}/?limit={size}&offset={begin + size}" if more else None
        meta = {"count": len(found), "next": following, "prev": None}
        return {"meta": meta, "results": found[begin : begin + size]}

    def _describe(self, report: MadeUpReport) -> dict[str, Any]:
        return report.describe(self.base_url, underscored_links=self._underscored)

    def _describe_all(self, reports: list[MadeUpReport]) -> list[dict[str, Any]]:
        return [
            self._describe(report) for report in reports if report.report_id not in self._withdrawn
        ]

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        size = _whole(query, "page_size", min(_DEFAULT_PAGE, self._largest_page))
        if not 1 <= size <= self._largest_page:
            raise _Refusal(400, f"page_size must be from 1 to {self._largest_page}.")
        selection = self._select(query)
        begin = _whole(query, "offset", 0)
        if "after" in query:
            ids = [report.report_id for report in selection]
            if query["after"] not in ids:
                raise _Refusal(400, f"after={query['after']!r} is not in this listing.")
            begin += ids.index(query["after"]) + 1
        end = begin + size
        links = {"self": self._link(query)}
        if end < len(selection):
            rest = {name: value for name, value in query.items() if name != "offset"}
            links["next"] = self._link({**rest, "after": selection[end - 1].report_id})
        if self._underscored:
            links = {f"_{name}": link for name, link in links.items()}
        return {
            "reports": self._describe_all(selection[begin:end]),
            "_links": links,
        }

    def _link(self, query: Mapping[str, str]) -> str:
        return f"{self.base_url}/?{urlencode(query)}" if query else f"{self.base_url}/"

    def _select(self, query: Mapping[str, str]) -> list[MadeUpReport]:
        _check_filters(query)
        if int(query.get("org_id") or self.org_id) != self.org_id:
            raise _Refusal(403, f"Not an administrator of organization {query['org_id']}.")
        wanted = tuple(query.get(name, "") for name in _FILTERS)
        with self._lock:
            if wanted not in self._selections:
                self._selections[wanted] = [
                    report
                    for report in self._reports.values()
                    if _matches(report, dict(zip(_FILTERS, wanted, strict=True)))
                ]
            return self._selections[wanted]


def _check_filters(query: Mapping[str, str]) -> None:
    for name in ("org_id", "plan_id"):
        _whole(query, name, 0)
    for name, allowed in (
        ("report_type", ("detailed", "summary")),
        ("cadence", ("daily", "monthly")),
    ):
        if query.get(name, allowed[0]) not in allowed:
            raise _Refusal(400, f"{name} must be one of {', '.join(allowed)}.")
    for name in ("start", "end"):
        try:
            dt.date.fromisoformat(query.get(name, "2000-01-01"))
        except ValueError:
            raise _Refusal(400, f"{name} must be a date, YYYY-MM-DD.") from None


def _matches(report: MadeUpReport, wanted: Mapping[str, str]) -> bool:
    start, end = wanted["start"], wanted["end"]
    return (
        wanted["plan_id"] in ("", str(report.plan_id))
        and wanted["report_type"] in ("", report.report_type)
        and wanted["cadence"] in ("", report.cadence)
        and (not start or report.first_day >= dt.date.fromisoformat(start))
        and (not end or report.last_day <= dt.date.fromisoformat(end))
    )


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise _Refusal(400, f"{name} must be a whole number.")
    return int(text)
