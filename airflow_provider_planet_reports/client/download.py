"""Streaming download of one part: resumed where possible, checked where the server lets us."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import requests
import urllib3

from airflow_provider_planet_reports.client.errors import (
    DamagedContent,
    InvalidResponse,
    TransportError,
)
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession, cause
from airflow_provider_planet_reports.errors import PlanetReportsError

log = logging.getLogger(__name__)

#: With smaller chunks the interpreter becomes the limit, larger ones only cost memory.
CHUNK_SIZE = 2**20

_DIGEST_HEADERS = ("Content-MD5", "Digest", "Repr-Digest", "Content-Digest", "x-goog-hash")
#: Names of algorithms in digest headers (RFC 3230, RFC 9530), as hashlib calls them.
_ALGORITHMS = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
#: Validators that may be sent back as they are; of what is not plain text nobody knows.
_STRONG_ETAG = re.compile(r'"[!#-~]*"')
_DATE = re.compile(r"[!-~][ -~]*")


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

    :param session: carries timeouts and retries, and the key for the API's own origin.
    :param url: the content link; it may be signed, so its query is never shown.
    :param sink: takes the bytes, in chunks of at most 1 MiB.
    :return: the number of bytes.
    :raises Refused: if the link is refused; it may have expired.
    :raises TransportError: if the transfer broke too often without getting further.
    :raises DamagedContent: if size or digest are still wrong after all tries.
    :raises InvalidResponse: if what comes is no file: an HTML page, or encoded unasked.
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
        #: Size and digest of a body that ended without having announced where.
        self._ended: tuple[int, bytes] | None = None

    def run(self) -> int:
        retries = self._session.retries()
        furthest = 0
        while not self._whole:
            trouble = self._attempt()
            if self._done > furthest:
                furthest = self._done
                retries.progressed()
            if trouble is None:
                continue
            if trouble.final or self._session.cancelled:
                raise trouble
            if not retries.wait(str(trouble).rstrip(".")):
                raise trouble
        return self._done

    def _attempt(self) -> PlanetReportsError | None:
        """Receive what is missing, or ask whether anything is. Return what went wrong."""
        done = self._done
        with self._session.get(self._url, stream=True, headers=self._range()) as response:
            if response.status_code == 416 and self._expected.ends_at(done, response.headers):
                return self._checked()
            trouble = self._placed(response) or self._received(response)
        if trouble is not None:
            return trouble
        if self._expected.announced:
            return self._checked()
        if response.status_code == 206 and self._done == done:
            return TransportError(f"{self._what} broke off at byte {done}: nothing came.")
        return self._ended_unannounced(continued=response.status_code == 206)

    def _placed(self, response: requests.Response) -> PlanetReportsError | None:
        """Find out where an answer's bytes belong: behind those that came, or in their place."""
        if response.status_code == 416:
            return self._from_the_beginning("the part is shorter than it was")
        self._session.raise_for_status(response)
        if response.status_code == 200:
            self._begin(response)
        elif response.status_code != 206:
            return self._from_the_beginning(f"{response.status_code} brings no part")
        elif not self._expected.goes_on_at(self._done, response.headers):
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
        if response.headers.get("Content-Type", "").lower().startswith("text/html"):
            raise InvalidResponse(
                f"{self._what} answered with an HTML page, not with a report: a proxy or a login "
                "page may stand in between."
            )
        encoding = _encoding(response.headers)
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            encoding = self._session.redact(encoding, self._url)[:100]
            raise InvalidResponse(
                f"{self._what} is encoded as {encoding!r} although no encoding was asked for."
            )

    def _received(self, response: requests.Response) -> PlanetReportsError | None:
        chunks = _chunks(response)
        # Failures are returned, not raised: the libraries' own exceptions hold the whole
        # signed address, and must not come along as __context__.
        while True:
            try:
                chunk = next(chunks, b"")
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                why = self._session.redact(cause(error), self._url)
                break
            if not chunk:
                # Being hung up looks like the end of a body that did not announce any.
                return self._session.cancelled_error(self._what)
            self._expected.update(chunk)
            self._sink.write(chunk)
            self._done += len(chunk)
        broken = TransportError(f"{self._what} broke off at byte {self._done}: {why}.")
        return self._session.cancelled_error(self._what) or broken

    def _ended_unannounced(self, *, continued: bool) -> PlanetReportsError | None:
        """Judge a body that just ended: a connection that was cut looks the same.

        Where there is a validator, the next attempt asks for what follows. A server that knows
        no ranges then sends all once more, and what came twice is whole.
        """
        if self._expected.validator is None:
            log.warning("%s announced no end; it ended at byte %d.", self._what, self._done)
            return self._checked()
        before, self._ended = self._ended, (self._done, self._expected.fingerprint())
        if before is None or continued:
            return None
        if before == self._ended:
            return self._checked()
        return DamagedContent(
            f"{self._what} announced no end; it ended at byte {before[0]}, then at {self._done}."
        )

    def _checked(self) -> PlanetReportsError | None:
        """Compare what came with what was announced."""
        wrong = self._expected.contradiction(self._done)
        if wrong is None:
            self._whole = True
            return None
        self._expected = _Expected({})
        return DamagedContent(f"{self._what}: {wrong}.")

    def _from_the_beginning(self, why: str) -> TransportError:
        self._expected = _Expected({})
        return TransportError(f"{self._what}: {why}.")


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
        self._digests = [
            (header, digest, hashlib.new(algorithm, usedforsecurity=False))
            for header, algorithm, digest in _announced_digests(headers)
        ]
        self._fingerprint = None if self.announced else hashlib.sha256()
        #: What makes a range request safe (RFC 9110, section 13.1.5), where there is any.
        self.validator = next(filter(None, map(self._validator, ("ETag", "Last-Modified"))), None)

    def _validator(self, header: str) -> str | None:
        value = self._headers.get(header, "")
        usable = _STRONG_ETAG if header == "ETag" else _DATE
        return value if usable.fullmatch(value) else None

    @property
    def announced(self) -> bool:
        """Whether anything told where it ends, so that a cut one can be told from a whole one."""
        return self._size is not None or self._ends_by_itself or bool(self._digests)

    def goes_on_at(self, done: int, headers: Mapping[str, str]) -> bool:
        """Whether a partial answer continues this one at a byte; none was asked for otherwise."""
        found = re.match(r"bytes ([0-9]{1,18})-[0-9]*/([0-9]{1,18})?", _content_range(headers))
        if not found or int(found[1]) != done or not self._is_the_same(headers):
            return False
        total = int(found[2]) if found[2] else self._size
        if self._size not in (None, total):
            return False
        # Of an unknown total it may be any part.
        self._size, self._ends_by_itself = total, False
        return True

    def ends_at(self, done: int, headers: Mapping[str, str]) -> bool:
        """Whether the refusal of a range says that there is nothing beyond a byte."""
        return _content_range(headers) == f"bytes */{done}" and self._is_the_same(headers)

    def _is_the_same(self, headers: Mapping[str, str]) -> bool:
        """Whether nothing contradicts that another answer is about the same bytes."""
        if self.validator is None:
            return False
        for header in ("ETag", "Last-Modified"):
            mine, other = self._headers.get(header), headers.get(header)
            relevant = header == "ETag" or mine == self.validator
            if relevant and None not in (mine, other) and mine != other:
                return False
        # A strong ETag that is repeated speaks for the encoding, too, which may be left out then.
        if headers.get("ETag") == self.validator and "Content-Encoding" not in headers:
            return True
        return _encoding(headers) == _encoding(self._headers)

    def update(self, data: bytes) -> None:
        for _, _, hasher in self._digests:
            hasher.update(data)
        if self._fingerprint is not None:
            self._fingerprint.update(data)

    def fingerprint(self) -> bytes:
        return self._fingerprint.digest() if self._fingerprint is not None else b""

    def contradiction(self, size: int) -> str | None:
        """Return how the bytes that came differ from what was announced, if they do."""
        if self._size is not None and size != self._size:
            return f"{size} bytes came, but {self._size} were announced"
        for header, digest, hasher in self._digests:
            if hasher.digest() != digest:
                return f"the bytes do not match the {header} header ({hasher.name})"
        return None


def _content_range(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Range", "")


def _encoding(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Encoding", "identity").lower()


def _announced_digests(headers: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield header, algorithm and digest of every checksum that can be checked."""
    for header in _DIGEST_HEADERS:
        value = headers.get(header)
        if not value or (header == "x-goog-hash" and _stored_otherwise(headers)):
            continue
        for entry in (f"md5={value}" if header == "Content-MD5" else value).split(","):
            name, _, text = entry.strip().partition("=")
            algorithm = _ALGORITHMS.get(name.lower())
            try:
                digest = base64.b64decode(text.strip(":"), validate=True)
            except ValueError:  # binascii.Error is one, but not at characters beyond ASCII
                continue
            if (
                algorithm
                and len(digest) == hashlib.new(algorithm, usedforsecurity=False).digest_size
            ):
                yield header, algorithm, digest


def _stored_otherwise(headers: Mapping[str, str]) -> bool:
    """Whether Google decodes what it has stored as gzip: the hash is that of what is stored."""
    stored = headers.get("x-goog-stored-content-encoding", "identity")
    return stored != headers.get("Content-Encoding", "identity")


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it travels: decoding would change size and digests, and cost much."""
    raw: Any = response.raw
    while chunk := raw.read(CHUNK_SIZE, decode_content=False):
        yield chunk
