"""Places to land in, for tests, that can be looked into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.stores.local import LocalStore


@dataclass
class Ground:
    """An empty destination, and looks into it that do not go through what is tested.

    ``url`` is its address for Airflow, ``open`` gives a new store as another process would have
    it, ``visible`` all that readers see, ``leftovers`` what is hidden from them but takes space;
    ``disturb`` writes an object behind the store's back. ``keeps_conditions`` tells whether the
    server keeps conditions of requests.
    """

    url: str
    open: Callable[[], Store]
    visible: Callable[[], dict[str, bytes]]
    leftovers: Callable[[], list[str]]
    disturb: Callable[[str, bytes], None]
    keeps_conditions: bool = True


def local_ground(root: Path) -> Ground:
    """A folder."""

    def visible() -> dict[str, bytes]:
        files = {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
        shown = (name for name in files if not any(part.startswith(".") for part in name.parts))
        return {name.as_posix(): files[name].read_bytes() for name in shown}

    def disturb(key: str, data: bytes) -> None:
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return Ground(
        url=root.as_uri(),
        open=lambda: LocalStore(root),
        visible=visible,
        leftovers=lambda: [path.name for path in root.rglob(".unfinished/*")],
        disturb=disturb,
    )
