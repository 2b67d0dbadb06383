"""A store in memory that keeps a journal, fails when told to, and lets a test decide every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from airflow_provider_planet_reports.landing.errors import (
    Cancelled,
    ConditionsUnsupported,
    DestinationError,
)
from airflow_provider_planet_reports.landing.stores.interface import Entry, Revision, Stored


class MemoryStore:
    """Objects in a dict.

    :param conditions: ``kept``; ``ignored``, as some servers do without saying so; ``unsupported``,
        as those that answer 501.

    ``fail_at`` is the number of the operation that fails, from 1; ``too_late`` lets it fail after
    it has taken effect, as when the answer of a server is lost. From ``die_at`` on nothing works
    any more, as in a process that is killed. ``before`` is called before every operation, ``after``
    with what came of it.
    """

    def __init__(self, conditions: str = "kept") -> None:
        self.objects: dict[str, bytes] = {}
        self.revisions: dict[str, Revision] = {}
        self.journal: list[tuple[str, str]] = []
        self.conditions = conditions
        self.fail_at = self.die_at = 0
        self.too_late = self.cancelled = False
        self.before: Callable[[str, str], None] = lambda operation, key: None
        self.after: Callable[[str, str, Any], None] = lambda operation, key, result: None
        self._written = 0

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(1 for name, _ in self.journal if name == operation)

    def do(self, operation: str, key: str, effect: Callable[[], Any]) -> Any:
        """Take an operation down, and do it or fail."""
        if self.cancelled:
            raise Cancelled(f"{operation} {key}: cancelled.")
        self.before(operation, key)
        self.journal.append((operation, key))
        if 0 < self.die_at < len(self.journal):
            raise DestinationError("The process is dead.")
        failing = len(self.journal) in (self.fail_at, self.die_at)
        if failing and not self.too_late:
            raise DestinationError(f"{operation} {key} failed.")
        try:
            result = effect()
        except (DestinationError, FileNotFoundError) as refusal:
            self.after(operation, key, refusal)
            raise
        self.after(operation, key, result)
        if failing:
            raise DestinationError(f"The answer to {operation} {key} was lost.")
        return result

    def write(self, key: str, data: bytes) -> None:
        """Make an object visible, behind the journal's back."""
        self._written += 1
        self.objects[key] = data
        self.revisions[key] = Revision(e_tag=None, version=str(self._written))

    def put_if(self, key: str, data: bytes, replaces: Revision | None) -> None:
        """Do what :meth:`put` asks for, behind the journal's back."""
        if self.conditions == "kept" and self.revisions.get(key) != replaces:
            raise DestinationError(f"{key} has another revision.")
        self.write(key, data)

    def open(self, key: str) -> _MemoryWriter:
        return self.do("open", key, lambda: _MemoryWriter(self, key))

    def put(self, key: str, data: bytes, *, replaces: Revision | None) -> None:
        if self.conditions == "unsupported":
            raise ConditionsUnsupported(f"{key}: 501 Not Implemented.")
        self.do("put", key, lambda: self.put_if(key, data, replaces))

    def put_always(self, key: str, data: bytes) -> None:
        self.do("put", key, lambda: self.write(key, data))

    def keeps_conditions(self) -> bool:
        return self.conditions == "kept"

    def read(self, key: str) -> Stored:
        def found() -> Stored:
            if key not in self.objects:
                raise FileNotFoundError(key)
            return Stored(self.objects[key], self.revisions[key])

        return self.do("read", key, found)

    def stream(self, key: str) -> Iterator[bytes]:
        return iter([self.read(key).data])

    def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
        def found() -> list[Entry]:
            return [
                Entry(key, len(data))
                for key, data in self.objects.items()
                if key.startswith(prefix) and key > after
            ]

        return iter(self.do("list", prefix, found))

    def folders(self, prefix: str) -> list[str]:
        def found() -> list[str]:
            below = (key[len(prefix) :] for key in self.objects if key.startswith(prefix))
            return sorted({f"{prefix}{path.split('/')[0]}/" for path in below if "/" in path})

        return self.do("folders", prefix, found)

    def delete(self, key: str) -> None:
        def remove() -> None:
            self.objects.pop(key, None)
            self.revisions.pop(key, None)

        self.do("delete", key, remove)

    def uri(self, key: str) -> str:
        return f"memory://{key}"

    def cancel(self) -> None:
        self.cancelled = True


class _MemoryWriter:
    def __init__(self, store: MemoryStore, key: str) -> None:
        self._store, self._key, self._data = store, key, b""

    def write(self, data: bytes) -> None:
        def append() -> None:
            self._data += data

        self._store.do("write", self._key, append)

    def commit(self) -> None:
        self._store.do("commit", self._key, lambda: self._store.write(self._key, self._data))

    def abandon(self) -> None:
        self._data = b""
