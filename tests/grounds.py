"""Places to land in, for tests: real ones that can be looked into, and one in memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_planet_reports.landing.stores.interface import Entry, Store
from airflow_provider_planet_reports.landing.stores.local import LocalStore


@dataclass
class Ground:
    """An empty destination, and looks into it that do not go through what is tested.

    ``url`` is its address for Airflow, ``open`` gives a store, ``open_elsewhere`` one as another
    process would have it, ``visible`` all that readers see, ``leftovers`` what is hidden from
    them but takes space; ``disturb`` writes an object behind the store's back.
    """

    url: str
    open: Callable[[], Store]
    open_elsewhere: Callable[[], Store]
    visible: Callable[[], dict[str, bytes]]
    leftovers: Callable[[], list[str]]
    disturb: Callable[[str, bytes], None]


def local_ground(root: Path) -> Ground:
    """A folder."""

    def files(*, hidden: bool) -> Iterator[Path]:
        for path in root.rglob("*"):
            if path.is_file() and path.name.startswith(".") is hidden:
                yield path

    def disturb(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return Ground(
        url=root.as_uri(),
        open=lambda: LocalStore(root),
        open_elsewhere=lambda: LocalStore(root),
        visible=lambda: {
            path.relative_to(root).as_posix(): path.read_bytes() for path in files(hidden=False)
        },
        leftovers=lambda: [path.name for path in files(hidden=True)],
        disturb=disturb,
    )


class MemoryStore:
    """A store that keeps a journal, and fails when it is told to.

    ``fail_at`` is the number of the operation that fails, from 1; ``too_late`` lets it fail
    after it has taken effect, as when the answer of a server is lost. At ``die_at`` it does so
    too, and nothing works any more, as in a process that is killed. ``watch`` is called after
    every operation.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.stamps: dict[str, str] = {}
        self.journal: list[tuple[str, str]] = []
        self.unfinished: set[str] = set()
        self.fail_at = self.die_at = 0
        self.too_late = False
        self.watch: Callable[[], None] = lambda: None

    def count(self, operation: str) -> int:
        """How often an operation was asked for."""
        return sum(1 for name, _ in self.journal if name == operation)

    def do(self, operation: str, key: str, effect: Callable[[], Any]) -> Any:
        """Take an operation down, and do it or fail."""
        self.journal.append((operation, key))
        if 0 < self.die_at < len(self.journal):
            raise OSError(5, "there is nobody to do that")
        failing = len(self.journal) in (self.fail_at, self.die_at)
        if failing and not self.too_late:
            raise OSError(5, f"{operation} failed")
        result = effect()
        self.watch()
        if failing:
            raise OSError(5, f"the answer to {operation} was lost")
        return result

    def put(self, key: str, data: bytes) -> None:
        """Make an object visible."""
        self.objects[key] = data
        self.stamps[key] = uuid.uuid4().hex

    def open(self, key: str) -> _MemoryWriter:
        writer: _MemoryWriter = self.do("open", key, lambda: _MemoryWriter(self, key))
        self.unfinished.add(key)
        return writer

    def read(self, key: str) -> bytes:
        def found() -> bytes:
            if key not in self.objects:
                raise FileNotFoundError(key)
            return self.objects[key]

        data: bytes = self.do("read", key, found)
        return data

    def stream(self, key: str) -> Iterator[bytes]:
        return iter([self.read(key)])

    def list(self, prefix: str) -> Iterator[Entry]:
        keys = self.do("list", prefix, lambda: [k for k in self.objects if k.startswith(prefix)])
        return iter([Entry(key, self.stamps[key]) for key in keys])

    def delete(self, key: str) -> None:
        self.do("delete", key, lambda: self.objects.pop(key, None))

    def uri(self, key: str) -> str:
        return f"memory://{key}"


class _MemoryWriter:
    def __init__(self, store: MemoryStore, key: str) -> None:
        self._store, self._key, self._data = store, key, b""

    def write(self, data: bytes) -> None:
        def append() -> None:
            self._data += data

        self._store.do("write", self._key, append)

    def commit(self) -> None:
        def commit() -> None:
            self._store.put(self._key, self._data)
            self._store.unfinished.discard(self._key)

        self._store.do("commit", self._key, commit)

    def abandon(self) -> None:
        self._store.unfinished.discard(self._key)
