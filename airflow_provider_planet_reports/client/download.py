"""Streaming download of one part: resumed where possible, checked where the server lets us."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import requests
import urllib3

from airflow_provider_planet_reports.client import addresses
from airflow_provider_planet_reports.client.errors import (
    DamagedContent,
    PlanetReportsError,
    TransportError,
    UnexpectedAnswer,
)
from airflow_provider_planet_reports.client.session import ReportsSession, cause

#: With smaller chunks the interpreter becomes the limit, larger ones only cost memory.
CHUNK_SIZE = 2**20

#: Names of algorithms in digest headers (RFC 3230, RFC 9530), as hashlib calls them.
_ALGORITHMS = {"md5": "md5", "sha": "sha1", "sha-256": "sha256", "sha-512": "sha512"}


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
    ``x-goog-hash``) are checked.

    :param session: carries timeouts and retries, and the key for the API's own origin.
    :param url: the content link; it may be signed, so its query is never shown.
    :param sink: takes the bytes, in chunks of at most 1 MiB.
    :return: the number of bytes.
    :raises Refused: if the link is refused; it may have expired.
    :raises TransportError: if the transfer broke too often without getting further.
    :raises DamagedContent: if size or digest are still wrong after all tries.
    """
    return _Transfer(session, url, sink).run()


class _Transfer:
    """One part on its way: what has arrived, and what the server said about the whole."""

    def __init__(self, session: ReportsSession, url: str, sink: Sink) -> None:
        self._session = session
        self._url = url
        self._sink = sink
        self._what = f"GET {addresses.safe_url(url)}"
        self._done = 0
        self._expected = _Expected({})

    def run(self) -> int:
        retries = self._session.retries()
        furthest = 0
        while (trouble := self._attempt()) is not None:
            if self._done > furthest:
                furthest = self._done
                retries.progressed()
            if trouble.final or not retries.pause(str(trouble).rstrip(".")):
                raise trouble
        return self._done

    def _attempt(self) -> PlanetReportsError | None:
        """Receive what is missing. Return what went wrong, or None when the part is whole."""
        with self._session.get(self._url, stream=True, headers=self._range()) as response:
            if response.status_code == 416:
                self._expected = _Expected({})
                return TransportError(f"{self._what}: the part is shorter than it was.")
            self._session.raise_for_status(response)
            if response.status_code == 206:
                if not self._continues(response.headers):
                    self._expected = _Expected({})
                    return TransportError(f"{self._what}: the server sent another range.")
            else:
                self._begin(response.headers)
            chunks = _chunks(response)
            # Failures are returned, not raised: the libraries' own exceptions hold the whole
            # signed address, and must not come along as __context__.
            while True:
                try:
                    chunk = next(chunks, b"")
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    why = self._session.redact(cause(error))
                    return TransportError(f"{self._what} broke off at byte {self._done}: {why}.")
                if not chunk:
                    break
                self._expected.update(chunk)
                self._sink.write(chunk)
                self._done += len(chunk)
        wrong = self._expected.contradiction(self._done)
        if wrong is None:
            return None
        self._expected = _Expected({})
        return DamagedContent(f"{self._what}: {wrong}.")

    def _range(self) -> Mapping[str, str]:
        validator = self._expected.validator
        if not self._done or validator is None:
            return {}
        return {"Range": f"bytes={self._done}-", "If-Range": validator}

    def _continues(self, headers: Mapping[str, str]) -> bool:
        found = re.match(r"bytes (\d+)-\d*/", headers.get("Content-Range", ""))
        return bool(self._done and found and int(found.group(1)) == self._done)

    def _begin(self, headers: Mapping[str, str]) -> None:
        if self._done:
            self._sink.restart()
            self._done = 0
        self._expected = _Expected(headers)
        encoding = headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise UnexpectedAnswer(
                f"{self._what} is encoded as {encoding!r} although no encoding was asked for."
            )


class _Expected:
    """What the headers of a whole answer say about it.

    :param headers: the answer's headers.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        length = headers.get("Content-Length", "")
        self._size = int(length) if length.isascii() and length.isdigit() else None
        self._digests = [
            (header, digest, hashlib.new(algorithm, usedforsecurity=False))
            for header, algorithm, digest in _announced_digests(headers)
        ]
        etag = headers.get("ETag")
        weak = not etag or etag.startswith("W/")
        #: What makes a range request safe (RFC 9110, section 13.1.5), where there is any.
        self.validator = headers.get("Last-Modified") if weak else etag

    def update(self, data: bytes) -> None:
        for _, _, hasher in self._digests:
            hasher.update(data)

    def contradiction(self, size: int) -> str | None:
        """Return how the bytes that came differ from what was announced, if they do."""
        if self._size is not None and size != self._size:
            return f"{size} bytes came, but Content-Length announced {self._size}"
        for header, digest, hasher in self._digests:
            if hasher.digest() != digest:
                return f"the bytes do not match the {header} header ({hasher.name})"
        return None


def _announced_digests(headers: Mapping[str, str]) -> Iterator[tuple[str, str, bytes]]:
    """Yield header, algorithm and digest of every checksum that can be checked."""
    listed = [("Content-MD5", f"md5={headers.get('Content-MD5', '')}")]
    listed += [
        (name, headers.get(name, "")) for name in ("Digest", "Repr-Digest", "Content-Digest")
    ]
    # Google serves gzip-stored objects decoded, with the hash of what is stored.
    if headers.get("x-goog-stored-content-encoding", "identity") == headers.get(
        "Content-Encoding", "identity"
    ):
        listed.append(("x-goog-hash", headers.get("x-goog-hash", "")))
    for header, value in listed:
        for entry in value.split(","):
            name, _, text = entry.strip().partition("=")
            algorithm = _ALGORITHMS.get(name.lower())
            try:
                digest = base64.b64decode(text.strip(":"), validate=True)
            except binascii.Error:
                continue
            if (
                algorithm
                and len(digest) == hashlib.new(algorithm, usedforsecurity=False).digest_size
            ):
                yield header, algorithm, digest


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the body as it travels: decoding would change size and digests, and cost much."""
    raw: Any = response.raw
    while chunk := raw.read(CHUNK_SIZE, decode_content=False):
        yield chunk
