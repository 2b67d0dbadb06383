"""The paging of a listing, as a state machine without I/O.

It is given a page, hands out the page's new reports and says which address comes next. It
follows the server's links, as Planet's documentation asks ("rely on these links rather than
constructing the links yourself"), and refuses those that cannot belong to a sane listing.
"""

from __future__ import annotations

import logging
import reprlib
from collections.abc import Callable
from functools import partial
from typing import Any

from airflow_provider_planet_reports.client.errors import InvalidResponse, RefusedLink
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.addresses import check_link, origin
from airflow_provider_planet_reports.client.transport.redaction import safe_url, without_secrets

log = logging.getLogger(__name__)

#: Is told about an entry of a listing that makes no sense.
OnBadEntry = Callable[[InvalidResponse], None]
#: Pages in a row that bring nothing new, before the listing counts as endless.
MAX_EMPTY_PAGES = 10


class NextLinks:
    """The addresses of a listing's pages, one after the other.

    :param first: address of the first page, without its query; links must keep to its origin.
    """

    def __init__(self, first: str) -> None:
        self.next: str | None = first
        self._origin = origin(first)
        self._empty_pages = 0

    def follow(self, links: dict[str, Any], address: str, *, new: bool) -> None:
        """Set :attr:`next` to the page that follows a page, or to None.

        :param links: the page's links.
        :param address: the address that the page really came from (after redirects).
        :param new: whether there was anything new on the page.
        :raises InvalidResponse: if the listing goes on without bringing anything new.
        :raises RefusedLink: if the next link leaves the API's origin or is not encrypted.
        """
        # Planet's "API Mechanics" page writes _next, the public reference writes next.
        link = links.get("next") or links.get("_next")
        if not link:
            self.next = None
            return
        if not isinstance(link, str):
            raise RefusedLink(
                f"The next link is no address: check any proxy. GET {safe_url(address)}"
            )
        self.next = check_link(link, came_from=address)
        if origin(self.next) != self._origin:
            raise RefusedLink(
                "The next page is on another server, which does not get the API key: check the "
                f"connection's host. {safe_url(self.next)!r}, given by {safe_url(address)}"
            )
        self._empty_pages = 0 if new else self._empty_pages + 1
        if self._empty_pages >= MAX_EMPTY_PAGES:
            raise InvalidResponse(
                f"The listing does not end, {MAX_EMPTY_PAGES} pages brought nothing new: ask again "
                f"later, or narrow it with start and end. GET {safe_url(address)}"
            )


class Paging(NextLinks):
    """Where a listing of reports stands.

    :param first: address of the first page, without its query; links must keep to its origin.
    :param on_bad_entry: called with the error of each entry that makes no sense; the listing goes
        on without it. By default a warning is logged.
    """

    def __init__(self, first: str, on_bad_entry: OnBadEntry | None = None) -> None:
        super().__init__(first)
        warn = partial(log.warning, "An entry of the listing is left out: %s")
        self._on_bad_entry = on_bad_entry or warn
        self._ids: set[str] = set()

    def read(self, page: object, *, address: str) -> list[Report]:
        """Take in a page; return its reports that no earlier page had, and set :attr:`next`.

        :param page: the page's JSON.
        :param address: the address that the page really came from (after redirects).
        :raises InvalidResponse: if the page is no listing, or the listing never ends.
        :raises RefusedLink: if the next link leaves the API's origin or is not encrypted.
        """
        entries, links = entries_and_links(page, "reports", "_links", address)
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


def entries_and_links(
    page: Any, entries: str, links: str, address: str
) -> tuple[list[Any], dict[str, Any]]:
    """Return what a page lists, and its links.

    :param page: the page's JSON.
    :param entries: name of the field with the entries.
    :param links: name of the field with the links.
    :param address: the address that the page really came from (after redirects).
    :raises InvalidResponse: if the page is no listing.
    """
    if isinstance(page, dict) and entries in page:
        # Some serializers write null for an empty list.
        found, further = [] if page[entries] is None else page[entries], page.get(links) or {}
        if isinstance(found, list) and isinstance(further, dict):
            return found, further
    seen = without_secrets(sorted(page)) if isinstance(page, dict) else type(page).__name__
    raise InvalidResponse(
        f"The answer is not a listing of {entries}: check the connection's host and the path. "
        f"Expected a list {entries!r} and an object {links!r}, got {reprlib.repr(seen)}. "
        f"GET {safe_url(address)}"
    )
