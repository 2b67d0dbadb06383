"""Files in the page's folder, each whole or not at all."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_planet_reports.landing.stores.interface import Store
from airflow_provider_planet_reports.landing.stores.local import LocalStore


def put(store: Store, name: str, content: bytes) -> None:
    """Write a file in place of the one that is there.

    :param store: the folder.
    :param name: the file's name.
    :param content: its bytes.
    """
    if not isinstance(store, LocalStore):
        store.put_always(name, content)
        return
    # Not as a landing zone does, whose folder for receipts has no place beside a page.
    target = Path(store.uri(name).removeprefix("file://"))
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(target)
