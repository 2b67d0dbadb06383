"""A folder for the files of one load, which goes even if the process is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_planet_reports.landing.durable_files import lock

_PREFIX = "planet-reports-load-"


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """Give an empty folder, and remove it at the end; first remove those of killed processes.

    A folder in use is locked, and the system takes the lock back when a process dies.
    """
    place = Path(tempfile.gettempdir())
    for left in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), _opened(left) as file:  # another user's, or gone
            if lock(file):
                shutil.rmtree(left, ignore_errors=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Another process may have taken it for a dead one's, before it was locked.
        with contextlib.suppress(FileNotFoundError), _opened(folder) as file:
            if lock(file) and folder.exists():
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    file = os.open(folder, os.O_RDONLY)
    try:
        yield file
    finally:
        os.close(file)
