"""Where a request goes: its address as it is written, its proxy, and where redirects lead."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests

from airflow_provider_planet_reports.client.errors import RefusedLink
from airflow_provider_planet_reports.client.transport import addresses
from airflow_provider_planet_reports.client.transport.redaction import Redactor, safe_url

#: An address that can be sent as it is written.
_SENDABLE = re.compile(r"https?://[^/?#\s]+/[!-\"$-;=?-~]*", re.IGNORECASE)


class RoutedSession(requests.Session):
    """A session that leaves addresses as they are written, and checks redirects."""

    #: Removes secrets.
    redact: Redactor

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[tuple[str, str, int | None], Any] = {}

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request as :meth:`requests.Session.prepare_request` does.

        The address is left as it is written: requests writes ``%7E`` as ``~``, which is not what a
        signature was made over.

        :param request: the request.
        """
        prepared = super().prepare_request(request)
        if not (request.params or self.params) and _SENDABLE.fullmatch(str(request.url)):
            prepared.url = str(request.url)
        return prepared

    def rebuild_auth(
        self, prepared_request: requests.PreparedRequest, response: requests.Response
    ) -> None:
        """Decide about the credentials at every redirect by the origin alone."""
        target = getattr(response, "redirect_target", "")
        if _SENDABLE.fullmatch(target):
            prepared_request.url = target
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
        target = addresses.check_link(urlunsplit(there), came_from=resp.url)
        resp.redirect_target = target  # type: ignore[attr-defined]
        return target

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
