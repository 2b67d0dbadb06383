"""Files in a folder of an object store, or of this machine."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_planet_reports.landing.stores.interface import Store


def put_files(store: Store, files: Mapping[str, bytes]) -> None:
    """Write files in the order given, each whole, in place of those that are there.

    :param store: what :func:`.open_store` returned for the folder.
    :param files: their bytes by name.
    :raises DestinationError: if one cannot be written. Those after it are as they were.
    """
    from airflow_provider_planet_reports.landing.layout import RECEIPTS
    from airflow_provider_planet_reports.landing.stores.local import LocalStore

    for name, content in files.items():
        store.put_always(name, content)
    if isinstance(store, LocalStore):
        # What a landing zone has in a local folder has no place here.
        receipts = Path(store.uri(RECEIPTS).removeprefix("file://"))
        for folder in (receipts / ".unfinished", receipts):
            with suppress(OSError):  # not empty: another task writes there
                folder.rmdir()
