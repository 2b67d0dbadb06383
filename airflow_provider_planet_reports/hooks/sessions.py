"""Which sessions were opened for one piece of work, so that they can be cancelled with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_planet_reports.client.transport.session import ReportsSession


class Sessions:
    """The sessions of one piece of work; any thread may cancel them, also beforehand."""

    def __init__(self) -> None:
        self._opened: list[ReportsSession] = []
        self._cancelled = False

    def add(self, session: ReportsSession) -> None:
        """Take note of a session.

        :param session: the session.
        """
        self._opened.append(session)
        if self._cancelled:  # looked at behind the appending: cancel() does it the other way round
            session.cancel()

    def cancel(self) -> None:
        """Cancel the sessions, and those to come."""
        self._cancelled = True
        for session in list(self._opened):
            session.cancel()


_current: ContextVar[Sessions | None] = ContextVar("planet_reports_sessions", default=None)


@contextmanager
def cancelled_together() -> Iterator[Sessions]:
    """Collect the sessions that are opened meanwhile, in this context and in copies of it."""
    sessions = Sessions()
    before = _current.set(sessions)
    try:
        yield sessions
    finally:
        _current.reset(before)


def opened(session: ReportsSession) -> None:
    """Take note of a session that a hook has opened.

    :param session: the session.
    """
    if (sessions := _current.get()) is not None:
        sessions.add(session)
