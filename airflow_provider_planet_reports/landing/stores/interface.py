"""The one interface between the landing zone and whatever keeps its objects.

Keys are relative to the destination. What a method cannot do it says with a
:class:`~airflow_provider_planet_reports.landing.errors.DestinationError` that names the object's
address and the root cause, and shows no secret; with its subclass ``DestinationRefused`` where a
retry cannot help.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from airflow_provider_planet_reports.landing.errors import Cancelled


class Revision(NamedTuple):
    """What tells one state of an object from another; kept and given back whole.

    :param e_tag: its entity tag; None where the store has none.
    :param version: its version, for example Google's generation; None where the store has none.
    """

    e_tag: str | None = None
    version: str | None = None


class Stored(NamedTuple):
    """A small object as it was read.

    :param data: its bytes.
    :param revision: the state it was in.
    """

    data: bytes
    revision: Revision


class Entry(NamedTuple):
    """An object in a listing.

    :param key: relative to the destination.
    :param size: in bytes.
    :param etag: another one whenever the object is written, in all listings of the same store;
        empty where the store has none. Not the ``e_tag`` of a :class:`Revision`.
    """

    key: str
    size: int
    etag: str = ""


class Writer(Protocol):
    """An object that is being written: invisible until :meth:`commit`, never visible in part."""

    def write(self, data: bytes) -> None:
        """Append bytes."""

    def commit(self) -> None:
        """Make the whole object visible."""

    def abandon(self) -> None:
        """Leave nothing behind; does nothing after :meth:`commit`."""


class Store(Protocol):
    """A place for objects.

    :ivar address: its URL, without a connection id and without a slash at its end.
    """

    address: str

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    def open(self, key: str) -> Writer:
        """Begin an object of any size."""

    def put(self, key: str, data: bytes, *, replaces: Revision | None) -> None:
        """Write a small object, whole, on a condition.

        After an error nothing is known: the object may be written all the same, now or later.

        :param key: its key.
        :param data: its bytes.
        :param replaces: the revision that it has to have now; None where there must be none.
        :raises DestinationError: if it has another revision, and for every other failure.
        :raises ConditionsUnsupported: if the server does not know conditions.
        """

    def put_always(self, key: str, data: bytes) -> None:
        """Write a small object, whole, in place of whatever is there."""

    def keeps_conditions(self) -> bool:
        """Return whether the server really keeps the conditions of :meth:`put`.

        Some ignore them. The first call tries it out with a hidden object; a server that does not
        is logged once.
        """

    def read(self, key: str) -> Stored:
        """Return a small object.

        :raises FileNotFoundError: if there is none.
        """

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes, a few MiB at a time.

        :raises FileNotFoundError: if there is none.
        """

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        """Yield all objects below a prefix, as they are now, in no certain order.

        :param prefix: empty, or ends in a slash.
        :param after: leave out keys that are not greater than this one.
        """

    def folders(self, prefix: str) -> builtins.list[str]:
        """Return the folders right below a prefix, each with the prefix and a slash at its end.

        :param prefix: empty, or ends in a slash.
        """

    def delete(self, key: str) -> None:
        """Remove an object; there need not be one."""

    def uri(self, key: str) -> str:
        """Return the address of an object for users: absolute, without a connection id."""
        return f"{self.address}/{key}"

    def cancelled(self) -> Cancelled:
        """Return what callers get after :meth:`cancel`."""
        return Cancelled(f"Cancelled: the task was told to stop. {self.address}")

    def cancel(self) -> None:
        """End all that is under way, within about two seconds, and refuse everything after it.

        Callers that wait get a :class:`Cancelled` error; unfinished uploads are aborted as far as
        the server answers. For any thread; joins none.
        """
