"""Streaming download of one part: resumed where possible, checked where the server lets us."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import requests

from airflow_provider_planet_reports.client.errors import (
    DamagedContent,
    InvalidResponse,
    TransportError,
)
from airflow_provider_planet_reports.client.transport.failures import FAILURES, cause
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import PlanetReportsError

log = logging.getLogger(__name__)

#: With smaller chunks the interpreter becomes the limit, larger ones only cost memory.
CHUNK_SIZE = 2**20

_DIGEST_HEADERS = ("Content-MD5", "Digest", "Repr-Digest", "Content-Digest", "x-goog-hash")
#: Names of algorithms in digest headers (RFC 3230, RFC 9530), as hashlib calls them.
_ALGORITHMS = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
#: Types of content that no report has: somebody else answered, or the API with an error.
_NO_REPORT = re.compile(r"(text/html|(application|text)/([a-z0-9.+-]*\+)?(json|xml))\b", re.I)
#: Validators that can be sent back; a weak ETag does not promise the same bytes.
_VALIDATORS = {"ETag": re.compile(r'"[!#-~]*"'), "Last-Modified": re.compile(r"[!-~][ -~]*")}
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]*/([0-9]{1,18})?")


class Sink(Protocol):
    """Where the bytes of a part go."""

    def write(self, data: bytes) -> None:
        """Take the next bytes."""

    def restart(self) -> None:
        """Forget all bytes so far: the part begins again."""


def download(session: ReportsSession, url: str, sink: Sink) -> int:
    """Stream a part into a sink, byte for byte as the server stores it.

    A transfer that breaks is continued with a range request where the server gave a validator
    (``If-Range``), else begun again. The size and the digests that the server announced
    (``Content-Length``, ``Content-MD5``, ``Digest``, ``Repr-Digest``, ``Content-Digest``,
    ``x-goog-hash``) are checked. Where nothing announced its end, the server is asked what comes
    after it.

    :param session: carries timeouts, retries and credentials.
    :param url: the content link; it may be signed, so its query is never shown.
    :param sink: takes the bytes, in chunks of at most 1 MiB.
    :return: the number of bytes.
    :raises Refused: if the link is refused; it may have expired.
    :raises TransportError: if the transfer broke too often without getting further.
    :raises DamagedContent: if size or digest are still wrong after all tries.
    :raises InvalidResponse: if what comes is no file (HTML, JSON, XML), or encoded unasked.
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
        self._expected = _Expected({})
        self._end_confirmed = False

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
            if problem.final or self._session.cancelled or not retries.wait(str(problem)):
                raise problem
        return self._done

    def _attempt(self) -> PlanetReportsError | None:
        """Receive what is missing, or ask whether anything is. Return what went wrong."""
        done = self._done
        with self._session.get(self._url, stream=True, headers=self._range()) as response:
            status = response.status_code
            if status == 416 and self._expected.ends_at(done, response):
                return self._checked()
            problem = self._placed(response) or self._received(response)
        if problem is not None or self._expected.announced:
            return problem or self._checked()
        if status == 206 and self._done == done:
            return self._broken("nothing came")
        return self._ended_unannounced(status)

    def _placed(self, response: requests.Response) -> PlanetReportsError | None:
        """Find out where an answer's bytes belong: behind those that came, or in their place."""
        if response.status_code == 416:
            return self._from_the_beginning("the part is shorter than it was")
        self._session.raise_for_status(response)
        if response.status_code == 200:
            self._begin(response)
        elif response.status_code != 206:
            return self._from_the_beginning(f"{response.status_code} brings no part")
        elif not self._expected.continues_with(response, self._done):
            return self._from_the_beginning("the server sent another range")
        return None

    def _range(self) -> Mapping[str, str]:
        validator = self._expected.validator
        if validator is None:
            return {}
        return {"Range": f"bytes={self._done}-", "If-Range": validator}

    def _begin(self, response: requests.Response) -> None:
        if self._done:
            self._sink.restart()
            self._done = 0
        length = response.raw.length_remaining
        self._expected = _Expected(response.headers, length, chunked=response.raw.chunked)
        # Redacted as they came: a secret in capitals is none in small letters.
        kind, encoding = (
            self._session.redact(response.headers.get(name, ""), self._url)[:100]
            for name in ("Content-Type", "Content-Encoding")
        )
        if _NO_REPORT.match(kind):
            raise InvalidResponse(
                f"The answer is {kind}, not a report: check whether a proxy or a login page "
                f"answers. {self._what}"
            )
        if encoding.lower() not in ("identity", "gzip", "x-gzip", ""):
            raise InvalidResponse(
                f"The answer is encoded as {encoding!r} unasked: check any proxy in between. "
                f"{self._what}"
            )

    def _received(self, response: requests.Response) -> PlanetReportsError | None:
        raw: Any = response.raw
        while True:
            try:
                # As it travels: decoding would change size and digests, and cost much.
                chunk = raw.read(CHUNK_SIZE, decode_content=False)
            except FAILURES as error:
                return self._broken(self._session.redact(cause(error), self._url))
            if not chunk:
                # Being shut down looks like the end of a body that did not announce any.
                return self._session.cancelled_error(self._what)
            self._expected.update(chunk)
            self._sink.write(chunk)
            self._done += len(chunk)

    def _broken(self, why: str) -> TransportError:
        return self._session.cancelled_error(self._what) or TransportError(
            f"The download broke off at byte {self._done} ({why}): a later try may succeed. "
            f"{self._what}"
        )

    def _ended_unannounced(self, status: int) -> PlanetReportsError | None:
        """Judge a body that just ended: a connection that was cut looks the same.

        Where there is a validator, the next attempt asks for what follows. A server that knows
        no ranges then sends all once more, which is taken for whole.
        """
        if self._expected.validator is not None and not (status == 200 and self._end_confirmed):
            self._end_confirmed = True
            return None
        log.warning("No end was announced; it ended at byte %d. %s", self._done, self._what)
        return self._checked()

    def _checked(self) -> PlanetReportsError | None:
        """Compare what came with what was announced."""
        wrong = self._expected.contradiction(self._done)
        if wrong is None:
            self._whole = True
            return None
        self._expected = _Expected({})
        return DamagedContent(f"Damaged download: {wrong}; a later try may succeed. {self._what}")

    def _from_the_beginning(self, why: str) -> TransportError:
        self._expected = _Expected({})
        return TransportError(f"The download has to begin again: {why}. {self._what}")


class _Expected:
    """What the headers of a whole answer say about it, and what came of it so far.

    :param headers: the answer's headers.
    :param size: its ``Content-Length``.
    :param chunked: whether its transport tells where it ends.
    """

    def __init__(
        self, headers: Mapping[str, str], size: int | None = None, *, chunked: bool = False
    ) -> None:
        self._headers = headers
        self._size = size
        self._ends_by_itself = chunked
        self._digests = list(_announced_digests(headers))
        usable = (
            headers[name]
            for name, form in _VALIDATORS.items()
            if form.fullmatch(headers.get(name, ""))
        )
        #: What makes a range request safe (RFC 9110, section 13.1.5), where there is any.
        self.validator = next(usable, None)

    @property
    def announced(self) -> bool:
        """Whether anything told where it ends, so that a cut one can be told from a whole one."""
        return self._size is not None or self._ends_by_itself or bool(self._digests)

    def continues_with(self, response: requests.Response, done: int) -> bool:
        """Whether a partial answer continues this one at a byte; none was asked for otherwise."""
        found = _RANGE.match(_content_range(response))
        if not found or int(found[1]) != done or not self._fits(response):
            return False
        total = int(found[2]) if found[2] else self._size
        if self._size not in (None, total):
            return False
        # Of an unknown total it may be any part.
        self._size, self._ends_by_itself = total, False
        return True

    def ends_at(self, done: int, response: requests.Response) -> bool:
        """Whether the refusal of a range says that there is nothing beyond a byte."""
        return _content_range(response) == f"bytes */{done}" and self._fits(response)

    def _fits(self, response: requests.Response) -> bool:
        """Whether nothing contradicts that another answer is about the same bytes."""
        by_date = self.validator == self._headers.get("Last-Modified")
        names = ("Content-Encoding", "ETag", *(["Last-Modified"] if by_date else []))
        return self.validator is not None and all(
            response.headers.get(name) in (None, self._headers.get(name)) for name in names
        )

    def update(self, data: bytes) -> None:
        for _, _, hasher in self._digests:
            hasher.update(data)

    def contradiction(self, size: int) -> str | None:
        """Return how the bytes that came differ from what was announced, if they do."""
        if self._size is not None and size != self._size:
            return f"{size} bytes came, but {self._size} were announced"
        for header, digest, hasher in self._digests:
            if hasher.digest() != digest:
                return f"the bytes do not match the {header} header ({hasher.name})"
        return None


def _content_range(response: requests.Response) -> str:
    return response.headers.get("Content-Range", "")


def _announced_digests(headers: Mapping[str, str]) -> Iterator[tuple[str, bytes, Any]]:
    """Yield header, digest and hasher of every checksum that can be checked."""
    for header in _DIGEST_HEADERS:
        value = headers.get(header, "")
        # Google decodes what it has stored as gzip: its hash is that of what is stored.
        stored = headers.get("x-goog-stored-content-encoding", "identity")
        if header == "x-goog-hash" and stored != headers.get("Content-Encoding", "identity"):
            continue
        for entry in (f"md5={value}" if header == "Content-MD5" else value).split(","):
            name, _, text = entry.strip().partition("=")
            try:
                digest = base64.b64decode(text.strip(":"), validate=True)
                hasher = hashlib.new(_ALGORITHMS[name.lower()], usedforsecurity=False)
            except (ValueError, KeyError):
                continue
            if len(digest) == hasher.digest_size:
                yield header, digest, hasher
