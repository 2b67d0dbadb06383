"""Streaming download of one part: resumed where possible, and never taken for whole unproven."""

from __future__ import annotations

import re
from typing import Any, Protocol

import requests

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.addresses import check_link
from airflow_provider_planet_reports.client.transport.failures import FAILURES, cause
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession

#: With smaller chunks the interpreter becomes the limit, larger ones only cost memory.
CHUNK_SIZE = 2**20

#: A weak ETag does not promise the same bytes.
_STRONG_ETAG = re.compile(r'"[!#-~]*"')
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18})")


class Sink(Protocol):
    """Where the bytes of a part go."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all bytes so far: the part begins again."""


def download(session: ReportsSession, link: str, sink: Sink) -> int:
    """Stream a part into a sink, byte for byte as the server stores it.

    A transfer that breaks is continued with a range request where the server gave a strong ETag
    (``If-Range``), else begun again. Where nothing announced an end (neither ``Content-Length`` nor
    chunks), a connection that was cut looks the same: the part is downloaded again, until two
    downloads in a row end at the same byte.

    :param session: carries timeouts, retries and credentials.
    :param link: the content link; it may be signed, so its query is never shown.
    :param sink: takes the bytes, in chunks of at most 1 MiB.
    :return: the number of bytes.
    :raises Refused: if the link is refused; it may have expired.
    :raises TransportError: if the transfer broke too often without getting further.
    :raises InvalidResponse: if the link is empty, or what comes is encoded unasked.
    :raises RefusedLink: if the link may not be followed.
    """
    if not link.strip():
        raise errors.InvalidResponse("A content link is empty: Planet has to issue another report.")
    url = check_link(link, came_from=session.base_url)
    return _Transfer(session, url, sink).run()


class _Transfer:
    """One part on its way: what has arrived, and what the server said about the whole."""

    def __init__(self, session: ReportsSession, url: str, sink: Sink) -> None:
        self._session = session
        self._url = url
        self._sink = sink
        self._what = f"GET {safe_url(url)}"
        self._done = 0
        self._whole = False
        #: Where the last download ended.
        self._end: int | None = None
        #: Of the answer that began the part; the ETag is kept while the part can be continued.
        self._etag: str | None = None
        self._size: int | None = None

    def run(self) -> int:
        retries = self._session.retries()
        furthest = 0
        while not self._whole:
            problem = self._attempt()
            if self._done > furthest:
                furthest = self._done
                retries.progressed()
            if problem is not None and (self._session.cancelled or not retries.wait(str(problem))):
                raise problem
        return self._done

    def _attempt(self) -> errors.TransportError | None:
        """Receive what is missing; return what went wrong."""
        headers = {} if self._etag is None else {
            "Range": f"bytes={self._done}-", "If-Range": self._etag
        }  # fmt: skip
        with self._session.get(self._url, stream=True, headers=headers) as response:
            if response.status_code != 416:
                self._session.raise_for_status(response)
            if response.status_code == 200:
                self._begin(response)
            elif not self._continues(response):
                self._etag = None
                return errors.TransportError(
                    f"The download has to begin again: the server sent no part, or another range "
                    f"({response.status_code}). {self._what}"
                )
            return self._received(response)

    def _begin(self, response: requests.Response) -> None:
        if self._done:
            self._sink.restart()
            self._done = 0
        # Redacted as it came: a secret in capitals is none in small letters.
        encoding = self._session.redact(response.headers.get("Content-Encoding", ""), self._url)
        if encoding.lower() not in ("identity", "gzip", "x-gzip", ""):
            raise errors.InvalidResponse(
                f"The answer is encoded as {encoding[:100]!r} unasked: check any proxy in between. "
                f"{self._what}"
            )
        self._size = response.raw.length_remaining
        etag = response.headers.get("ETag", "")
        self._etag = etag if _STRONG_ETAG.fullmatch(etag) else None

    def _continues(self, response: requests.Response) -> bool:
        """Whether a partial answer continues what came, which belongs to the same bytes."""
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code != 206 or self._etag is None or found is None:
            return False
        begin, total = map(int, found.groups())
        fits = self._size in (None, total) and response.headers.get("ETag") in (None, self._etag)
        self._size = total
        return fits and begin == self._done

    def _received(self, response: requests.Response) -> errors.TransportError | None:
        raw: Any = response.raw
        while True:
            try:
                # As it travels: decoding would change size and digests, and cost much.
                chunk = raw.read(CHUNK_SIZE, decode_content=False)
            except FAILURES as error:
                why: str | None = self._session.redact(cause(error), self._url)
                break
            if not chunk:
                self._etag = None  # what came to its end is whole, or begins again
                announced = self._size is not None or raw.chunked
                right = self._size in (None, self._done) if announced else self._done == self._end
                first = not announced and self._end is None
                self._whole, self._end = right, self._done
                why = None if right or first else "which is not where it has to end"
                break
            self._sink.write(chunk)
            self._done += len(chunk)
        # Being shut down looks like the end of a body, too.
        if (cancelled := self._session.cancelled_error(self._what)) is not None:
            return cancelled
        if why is None:
            return None
        return errors.TransportError(
            f"The download broke off at byte {self._done} ({why}): a later try may succeed. "
            f"{self._what}"
        )
