"""What the Reports API offers: a lazy listing, one report by its id; and what goes with it."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urljoin

from airflow_provider_planet_reports.client.errors import BadRequest, InvalidResponse
from airflow_provider_planet_reports.client.filters import LARGE_PAGE, Filters
from airflow_provider_planet_reports.client.paging import (
    NextLinks,
    OnBadEntry,
    Paging,
    entries_and_links,
)
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.addresses import check_link, origin
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput

log = logging.getLogger(__name__)


class ReportsAPI:
    """The Reports API over one session.

    :param session: carries the base URL and the key.
    """

    def __init__(self, session: ReportsSession) -> None:
        self.session = session

    def list_reports(
        self, filters: Filters, *, on_bad_entry: OnBadEntry | None = None
    ) -> Iterator[Report]:
        """Yield the reports of a listing, every id once, one page held at a time.

        :param filters: what to list.
        :param on_bad_entry: called with the error of each entry that makes no sense (without an
            id, say); the listing goes on without it. By default a warning is logged.
        :raises PlanetReportsError: as soon as a page is refused or is not a listing.
        """
        # The documentation's own example has the slash before the query: base_url ends in one.
        first = urljoin(self.session.base_url, filters.path or "")
        paging = Paging(first, on_bad_entry)
        page, address = self._first_page(first, filters)
        yield from paging.read(page, address=address)
        while paging.next is not None:
            page, address = self._get(paging.next)
            yield from paging.read(page, address=address)

    def get_report(self, report_id: str) -> Report:
        """Return one report.

        :param report_id: its id.
        :raises InvalidInput: if there can be no such id.
        :raises NotFound: if there is none.
        """
        if not isinstance(report_id, str) or report_id in ("", ".", ".."):
            raise InvalidInput(f"report_id={report_id!r} cannot be the id of a report.")
        return self._report(urljoin(self.session.base_url, quote(report_id, safe="")), report_id)

    def list_products(self) -> list[dict[str, Any]]:
        """Return the products of the account, with their quotas.

        :raises InvalidResponse: if the answer is no list of products.
        """
        # https://api.planet.com/reports/v1/ is the neighbour of https://api.planet.com/account/v1/.
        first = urljoin(self.session.base_url, "../../account/v1/my/products/")
        links = NextLinks(first)
        products: list[dict[str, Any]] = []
        while links.next is not None:
            page, address = self._get(links.next)
            results, meta = entries_and_links(page, "results", "meta", address)
            new = [each for each in results if isinstance(each, dict) and each not in products]
            products += new
            links.follow(meta, address, new=bool(new))
        return products

    def api_spec(self) -> dict[str, Any]:
        """Return the API's own OpenAPI document.

        :raises NotFound: if there is none.
        :raises InvalidResponse: if the answer is none.
        """
        address = urljoin(self.session.base_url, "swagger")
        spec, address = self._get(address, parse=_json_or_yaml)
        if not isinstance(spec, dict) or not isinstance(spec.get("paths"), dict):
            raise InvalidResponse(
                "The answer is not an OpenAPI document: check the connection's host. "
                f"GET {safe_url(address)}"
            )
        return spec

    def refresh(self, report: Report) -> Report:
        """Return the report as it is now, with fresh content links, by its own address.

        :param report: a report whose links may have expired.
        """
        base = self.session.base_url
        if report.self_link:
            address = check_link(report.self_link, came_from=base)
            if origin(address) == origin(base):
                return self._report(address, report.report_id)
        return self.get_report(report.report_id)

    def _report(self, address: str, report_id: str) -> Report:
        answer, address = self._get(address)
        report = Report.from_dict(answer)
        if report.report_id != report_id:
            raise InvalidResponse(
                f"The answer is report {report.report_id[:100]!r}, not {report_id!r}: a later try "
                f"may succeed. GET {safe_url(address)}"
            )
        return report

    def _first_page(self, address: str, filters: Filters) -> tuple[Any, str]:
        if "page_size" not in filters.parameters:
            try:
                return self._get(address, {**filters.parameters, "page_size": LARGE_PAGE})
            except BadRequest as refusal:
                log.info("Listing again without page_size: %s", refusal)
        return self._get(address, filters.parameters)

    def _get(
        self,
        address: str,
        parameters: dict[str, Any] | None = None,
        *,
        parse: Callable[[str], Any] = json.loads,
    ) -> tuple[Any, str]:
        """Return the value of an answer that is read whole, and where it really came from.

        :param address: absolute address.
        :param parameters: the query.
        :param parse: makes the value of the answer's text.
        :raises PlanetReportsError: if the request is refused, or the answer is something else.
        """
        response = self.session.get(address, params=parameters)
        self.session.raise_for_status(response)
        where = response.url
        try:
            # JSON is UTF-8 (RFC 8259), whatever the header says; some put a byte order mark in
            # front.
            text = response.content.decode("utf-8-sig")
            return self.session.redact.parsed(text, parse), where
        except (ValueError, RecursionError) as error:
            why = str(error)
        kind = self.session.redact(response.headers.get("Content-Type", "no content type"), where)
        raise InvalidResponse(
            f"The answer is {kind[:100]}, not JSON ({why}): check the connection's host, and "
            f"whether a proxy or a login page answers. GET {safe_url(where)}"
        )


def _json_or_yaml(text: str) -> Any:
    """Return the value of a JSON or YAML text, as JSON can hold it.

    :param text: the JSON or YAML.
    :raises ValueError: if it is neither; it says why.
    """
    import yaml  # type: ignore[import-untyped]

    with contextlib.suppress(ValueError):
        return json.loads(text)
    try:
        # YAML has dates, which JSON writes as text.
        return json.loads(json.dumps(yaml.safe_load(text), default=str))
    except (yaml.YAMLError, TypeError) as error:  # they quote the text
        raise ValueError(f"nor YAML: {type(error).__name__}") from None
