"""The paging of a listing, as a state machine without I/O.

It is given a page, hands out the page's new reports and says which address comes next. It
follows the server's links, as Planet's documentation asks ("rely on these links rather than
constructing the links yourself"), and refuses those that cannot belong to a sane listing.
"""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urljoin

from airflow_provider_planet_reports.client.errors import InvalidResponse, RefusedLink
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.addresses import check_link, origin
from airflow_provider_planet_reports.client.transport.redaction import safe_url

log = logging.getLogger(__name__)

#: Is told about an entry of a listing that makes no sense.
OnBadEntry = Callable[[InvalidResponse], None]
#: A listing that goes on beyond this is endless: 10,000 pages of the default 50 are half a
#: million reports.
MAX_PAGES = 10_000
#: Pages in a row that bring nothing new, before the listing counts as endless.
MAX_EMPTY_PAGES = 10
_MISSING = object()


class NextLinks:
    """The addresses of a listing's pages, one after the other.

    :param first: address of the first page, without its query; links must keep to its origin.
    :param max_pages: pages after which the listing is refused as endless.
    """

    def __init__(self, first: str, *, max_pages: int = MAX_PAGES) -> None:
        self.next: str | None = first
        self._origin = origin(first)
        self._max_pages = max_pages
        self._addresses = {first}
        self._pages = self._empty_pages = 0

    def follow(self, links: Mapping[str, Any], address: str, *, new: bool) -> None:
        """Set :attr:`next` to the page that follows a page, or to None.

        :param links: the page's links.
        :param address: the address that the page really came from (after redirects).
        :param new: whether there was anything new on the page.
        :raises InvalidResponse: if the listing loops or never ends.
        :raises RefusedLink: if the next link leaves the API's origin or is not encrypted.
        """
        self._pages += 1
        self._empty_pages = 0 if new else self._empty_pages + 1
        self._addresses.add(address)
        # Planet's "API Mechanics" page writes _next, the public reference writes next.
        link = links.get("next") or links.get("_next")
        self.next = self._checked(link, address) if link else None

    def _checked(self, link: object, address: str) -> str:
        where = f"GET {safe_url(address)}"
        if not isinstance(link, str):
            raise InvalidResponse(
                f"The next link is {reprlib.repr(link)}, not text: check any proxy. {where}"
            )
        try:
            following = urljoin(address, link)
        except ValueError:
            following = link
        check_link(following, came_from=address)
        if origin(following) != self._origin:
            raise RefusedLink(
                "The next page is on another server, which does not get the API key: check the "
                f"connection's host. {safe_url(following)!r}, given by {safe_url(address)}"
            )
        if following in self._addresses:
            raise InvalidResponse(
                "The listing goes round in circles: ask again later, or narrow it with start and "
                f"end. {where} names {safe_url(following)} as its next page"
            )
        if self._pages >= self._max_pages or self._empty_pages >= MAX_EMPTY_PAGES:
            raise InvalidResponse(
                f"The listing does not end ({self._pages} pages read, the last "
                f"{self._empty_pages} with nothing new): narrow it with start and end. {where}"
            )
        self._addresses.add(following)
        return following


class Paging(NextLinks):
    """Where a listing of reports stands.

    :param first: address of the first page, without its query; links must keep to its origin.
    :param on_bad_entry: called with the error of each entry that makes no sense; the listing goes
        on without it. By default a warning is logged.
    :param max_pages: pages after which the listing is refused as endless.
    """

    def __init__(
        self, first: str, on_bad_entry: OnBadEntry | None = None, *, max_pages: int = MAX_PAGES
    ) -> None:
        super().__init__(first, max_pages=max_pages)
        self._on_bad_entry = on_bad_entry or _warn
        self._ids: set[str] = set()

    def read(self, page: object, *, address: str) -> list[Report]:
        """Take in a page; return its reports that no earlier page had, and set :attr:`next`.

        :param page: the page's JSON.
        :param address: the address that the page really came from (after redirects).
        :raises InvalidResponse: if the page is no listing, or the listing loops or never ends.
        :raises RefusedLink: if the next link leaves the API's origin or is not encrypted.
        """
        entries, links = _shape(page, address)
        reports = []
        for number, entry in enumerate(entries):
            try:
                report = Report.from_dict(entry)
            except InvalidResponse as error:
                where = f"{safe_url(address)}, reports[{number}]"
                self._on_bad_entry(InvalidResponse(f"{str(error).rstrip('.')} ({where})."))
                continue
            if report.report_id not in self._ids:
                self._ids.add(report.report_id)
                reports.append(report)
        self.follow(links, address, new=bool(reports))
        return reports


def _warn(error: InvalidResponse) -> None:
    log.warning("An entry of the listing is left out: %s", error)


def _shape(page: object, address: str) -> tuple[list[Any], Mapping[str, Any]]:
    """Return a page's entries and links, or say what stands there instead."""
    entries = page.get("reports", _MISSING) if isinstance(page, Mapping) else _MISSING
    if entries is None:  # how some serializers write an empty list
        entries = []
    if not isinstance(page, Mapping) or not isinstance(entries, list):
        seen = (
            f"an object with {reprlib.repr(sorted(map(str, page)))}"
            if isinstance(page, Mapping)
            else (f"a JSON {type(page).__name__}")
        )
        raise InvalidResponse(
            "The answer is not a listing of reports: check the connection's host and the path. "
            f"Expected an object with a list 'reports', got {seen}. GET {safe_url(address)}"
        )
    links = page.get("_links")
    if links is not None and not isinstance(links, Mapping):
        raise InvalidResponse(
            f"'_links' is {type(links).__name__}, not an object: check any proxy in between. "
            f"GET {safe_url(address)}"
        )
    return entries, links or {}
