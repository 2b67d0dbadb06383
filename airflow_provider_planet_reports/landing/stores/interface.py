"""The one narrow interface between the landing zone and whatever stores it."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

_TRIES = 3


@dataclass(frozen=True)
class Entry:
    """An object in a listing.

    :param key: relative to the destination.
    :param stamp: changes whenever the object is written again.
    """

    key: str
    stamp: str


class Writer(Protocol):
    """An object on its way: invisible until :meth:`commit`, and never visible in part."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def commit(self) -> None:
        """Make the whole object visible, in place of an older one of the same key."""

    def abandon(self) -> None:
        """Leave nothing behind; does nothing after :meth:`commit`."""


class Store(Protocol):
    """A place for objects, addressed by keys relative to the destination."""

    def open(self, key: str) -> Writer:
        """Begin an object."""

    def read(self, key: str) -> bytes:
        """Return a small object.

        :raises FileNotFoundError: if there is none.
        """

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes, a few MiB at a time.

        :raises FileNotFoundError: if there is none.
        """

    def list(self, prefix: str) -> Iterator[Entry]:
        """Yield all objects below a prefix that is empty or ends in a slash, as they are now."""

    def delete(self, key: str) -> None:
        """Remove an object; there need not be one."""

    def uri(self, key: str) -> str:
        """Return the address for users of the object: absolute, without a connection id."""


def put(store: Store, key: str, data: bytes) -> None:
    """Write a small object, whole.

    Several runs may write it at the same time. On Azure, whoever completes it takes away what
    the others have uploaded, and their completing fails.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(Exception):
            return _put(store, key, data)
    return _put(store, key, data)


def _put(store: Store, key: str, data: bytes) -> None:
    writer = store.open(key)
    try:
        writer.write(data)
        writer.commit()
    finally:
        writer.abandon()


def sha256_of(store: Store, key: str) -> str:
    """Return the SHA-256 of an object of any size, in hexadecimal digits.

    :raises FileNotFoundError: if there is none.
    """
    sha256 = hashlib.sha256()
    for piece in store.stream(key):
        sha256.update(piece)
    return sha256.hexdigest()
