"""Where a request goes: its proxy, and where redirects lead."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from airflow_provider_planet_reports.client.errors import RefusedLink
from airflow_provider_planet_reports.client.transport import addresses
from airflow_provider_planet_reports.client.transport.connections import exchange
from airflow_provider_planet_reports.client.transport.redaction import Redactor, safe_url


class RoutedSession(requests.Session):
    """A session that checks redirects, and looks the environment up once."""

    #: Removes secrets.
    redact: Redactor

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[str, str, int | None], Any] = {}

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, *_: Any) -> None:
        """Decide about the credentials at every redirect by the origin alone."""
        if callable(self.auth):
            self.auth(prepared_request)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where a redirect leads, checked, with the query it may have dropped.

        A server that only adds or removes the path's last slash may forget the query; without
        it a filtered listing would silently become an unfiltered one.
        """
        if not resp.is_redirect:
            return None
        try:
            return self._redirect_target(resp)
        except RefusedLink:
            resp.close()
            raise

    def _redirect_target(self, resp: requests.Response) -> str:
        try:
            location = super().get_redirect_target(resp) or ""
            here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, location))
        except ValueError:
            there = None  # raised below, where the library's error does not come along
        advice = f"check the connection's host, and any proxy. GET {safe_url(resp.url)}"
        if there is None:
            raise RefusedLink(f"A redirect leads to no address: {advice}")
        if self.redact.echoes(location):
            raise RefusedLink(f"A redirect has the API key in its address: {advice}")
        same_place = here.path.rstrip("/") == there.path.rstrip("/")
        if same_place and here.netloc == there.netloc and not there.query:
            there = there._replace(query=here.query)
        exchange.address = addresses.check_link(urlunsplit(there), came_from=resp.url)
        return exchange.address

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        """Look up proxies and certificates once per origin: it costs a third of a small request."""
        if proxies or verify is not None or cert is not None:
            return super().merge_environment_settings(url, proxies, stream, verify, cert)
        where = addresses.origin(url)
        if where not in self._settings:
            # The connection's own setting counts more than REQUESTS_CA_BUNDLE.
            asked = None if self.verify is True else self.verify
            self._settings[where] = super().merge_environment_settings(url, {}, None, asked, None)
        return {**self._settings[where], "stream": stream}
