"""Telling how far something is: a bar on a terminal, now and then a line in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    """Give a function that is told how much is done, of how much, and what more there is to say.

    All of it goes to standard error.

    :param what: what is being done.
    """
    if sys.stderr.isatty():
        with _bar(what) as tell:
            yield tell
    else:
        yield _lines(what)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int | None, str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[more]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None, more="")
        yield lambda done, total, more: bar.update(task, completed=done, total=total, more=more)


def _lines(what: str) -> Callable[[int, int | None, str], None]:
    last = time.monotonic()

    def tell(done: int, total: int | None, more: str) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            of = "" if total is None else f" of {total}"
            sys.stderr.write(f"{what}: {done}{of}, {more}\n")

    return tell
