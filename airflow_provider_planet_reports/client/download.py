"""Streaming download of one part: resumed where possible, and never taken for whole unproven."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Mapping
from typing import Any, Protocol

import requests

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.transport.failures import FAILURES, cause
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import PlanetReportsError

log = logging.getLogger(__name__)

#: With smaller chunks the interpreter becomes the limit, larger ones only cost memory.
CHUNK_SIZE = 2**20

#: A weak ETag does not promise the same bytes.
_STRONG_ETAG = re.compile(r'"[!#-~]*"')
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18})")
_MD5 = re.compile(r"(?:^|\bmd5=)([A-Za-z0-9+/]{22}==)")


class Sink(Protocol):
    """Where the bytes of a part go."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all bytes so far: the part begins again."""


def download(session: ReportsSession, url: str, sink: Sink) -> int:
    """Stream a part into a sink, byte for byte as the server stores it.

    A transfer that breaks is continued with a range request where the server gave a strong ETag
    (``If-Range``), else begun again. The size and the MD5 digest that the server announced
    (``Content-Length``, ``Content-MD5``, ``x-goog-hash``) are checked. Where nothing announced the
    end, a connection that was cut looks the same: the part is downloaded again until two downloads
    in a row agree in size and digest.

    :param session: carries timeouts, retries and credentials.
    :param url: the content link; it may be signed, so its query is never shown.
    :param sink: takes the bytes, in chunks of at most 1 MiB.
    :return: the number of bytes.
    :raises Refused: if the link is refused; it may have expired.
    :raises TransportError: if the transfer broke too often without getting further.
    :raises DamagedContent: if size or digest are still wrong after all tries.
    :raises InvalidResponse: if what comes is encoded unasked.
    """
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
        #: What the beginning of the answer announced; the ETag is kept while it can be continued.
        self._etag: str | None = None
        self._size: int | None = None
        self._chunked = False
        self._md5: bytes | None = None
        self._hasher: Any = None
        #: Size and digest of the last download whose end nothing announced.
        self._unproven: tuple[int, bytes] | None = None

    def run(self) -> int:
        retries = self._session.retries()
        furthest = 0
        while not self._whole:
            problem = self._attempt()
            if self._done > furthest:
                furthest = self._done
                retries.progressed()
            if problem is None:
                continue
            if self._session.cancelled or not retries.wait(str(problem)):
                raise problem
        return self._done

    def _attempt(self) -> PlanetReportsError | None:
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
            return self._received(response) or self._checked()

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
        etag = response.headers.get("ETag", "")
        self._etag = etag if _STRONG_ETAG.fullmatch(etag) else None
        self._size, self._chunked = response.raw.length_remaining, response.raw.chunked
        self._md5 = _announced_md5(response.headers)
        needed = self._md5 is not None or not self._announced
        self._hasher = hashlib.md5(usedforsecurity=False) if needed else None

    @property
    def _announced(self) -> bool:
        """Whether a part that was cut can be told from a whole one."""
        return self._size is not None or self._chunked or self._md5 is not None

    def _continues(self, response: requests.Response) -> bool:
        """Whether a partial answer continues what came, which belongs to the same bytes."""
        found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code != 206 or self._etag is None or found is None:
            return False
        begin, total = map(int, found.groups())
        fits = self._size in (None, total) and response.headers.get("ETag") in (None, self._etag)
        if begin != self._done or not fits:
            return False
        self._size = total
        return True

    def _received(self, response: requests.Response) -> PlanetReportsError | None:
        raw: Any = response.raw
        while True:
            try:
                # As it travels: decoding would change size and digests, and cost much.
                chunk = raw.read(CHUNK_SIZE, decode_content=False)
            except FAILURES as error:
                why = self._session.redact(cause(error), self._url)
                break
            if not chunk:
                # Being shut down looks like the end of a body that did not announce any.
                return self._session.cancelled_error(self._what)
            if self._hasher is not None:
                self._hasher.update(chunk)
            self._sink.write(chunk)
            self._done += len(chunk)
        return self._session.cancelled_error(self._what) or errors.TransportError(
            f"The download broke off at byte {self._done} ({why}): a later try may succeed. "
            f"{self._what}"
        )

    def _checked(self) -> PlanetReportsError | None:
        """Compare what came with what was announced, or else with what came before."""
        self._etag = None  # what came to its end is whole, or begins again
        wrong = None
        if self._size not in (None, self._done):
            wrong = f"{self._done} bytes came, but {self._size} were announced"
        elif self._md5 is not None and self._hasher.digest() != self._md5:
            wrong = "the bytes do not match the MD5 digest that was announced"
        elif not self._announced:
            before, self._unproven = self._unproven, (self._done, self._hasher.digest())
            if before is None:
                log.warning(
                    "No end was announced; it ended at byte %d, and is downloaded again to "
                    "compare. %s", self._done, self._what,
                )  # fmt: skip
                return None
            if before != self._unproven:
                wrong = f"no end was announced, and {before[0]} bytes came, then {self._done}"
        self._whole = wrong is None
        if wrong is None:
            return None
        return errors.DamagedContent(
            f"Damaged download: {wrong}; a later try may succeed. {self._what}"
        )


def _announced_md5(headers: Mapping[str, str]) -> bytes | None:
    texts = [headers.get("Content-MD5", "")]
    # Google decodes what it has stored as gzip: its hash is that of what is stored.
    stored = headers.get("x-goog-stored-content-encoding", "identity")
    if stored == headers.get("Content-Encoding", "identity"):
        texts.append(headers.get("x-goog-hash", ""))
    found = next(filter(None, map(_MD5.search, texts)), None)
    return None if found is None else base64.b64decode(found[1])
