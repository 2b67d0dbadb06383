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


class Paging:
    """Where a listing stands.

    :param first: address of the first page, without its query; links must keep to its origin.
    :param on_bad_entry: called with the error of each entry that makes no sense; the listing goes
        on without it. By default a warning is logged.
    :param max_pages: pages after which the listing is refused as endless.
    """

    def __init__(
        self, first: str, on_bad_entry: OnBadEntry | None = None, *, max_pages: int = MAX_PAGES
    ) -> None:
        self.next: str | None = first
        self._origin = origin(first)
        self._on_bad_entry = on_bad_entry or _warn
        self._max_pages = max_pages
        self._addresses = {first}
        self._ids: set[str] = set()
        self._pages = self._empty_pages = 0

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
        self._pages += 1
        self._empty_pages = 0 if reports else self._empty_pages + 1
        self._addresses.add(address)
        self.next = self._follow(links, address)
        return reports

    def _follow(self, links: Mapping[str, Any], address: str) -> str | None:
        # Planet's "API Mechanics" page writes _next, the public reference writes next.
        link = links.get("next") or links.get("_next")
        if not link:
            return None
        if not isinstance(link, str):
            raise InvalidResponse(
                f"{safe_url(address)}: the next link is {reprlib.repr(link)}, not text."
            )
        try:
            following = urljoin(address, link)
        except ValueError:
            following = link
        check_link(following, came_from=address)
        if origin(following) != self._origin:
            raise RefusedLink(
                f"{safe_url(address)} points to another server for its next page: "
                f"{safe_url(following)!r}. The API key is not taken there."
            )
        if following in self._addresses:
            raise InvalidResponse(
                f"{safe_url(address)} points to {safe_url(following)} for its next page, which "
                "was read before: the listing goes round in circles. Ask again later, or narrow "
                "it with start and end."
            )
        if self._pages >= self._max_pages or self._empty_pages >= MAX_EMPTY_PAGES:
            raise InvalidResponse(
                f"{safe_url(address)}: the listing does not end ({self._pages} pages read, the "
                f"last {self._empty_pages} with nothing new). Narrow it with start and end."
            )
        self._addresses.add(following)
        return following


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
            f"{safe_url(address)} is not a listing of reports: expected an object with a list "
            f"'reports', got {seen}. Check the connection's host and the path."
        )
    links = page.get("_links")
    if links is not None and not isinstance(links, Mapping):
        raise InvalidResponse(
            f"{safe_url(address)}: '_links' is {type(links).__name__}, not an object."
        )
    return entries, links or {}
