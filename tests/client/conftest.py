"""Sessions with servers that do what a test tells them to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from scripted_server import KEY, Server

from airflow_provider_planet_reports.client.transport import retries
from airflow_provider_planet_reports.client.transport.session import ReportsSession


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server that the sessions are with; they hardly pause between tries."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE", 0.005)
    with contextlib.closing(Server()) as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    """A second server: another origin."""
    with contextlib.closing(Server()) as server:
        yield server


@pytest.fixture
def session_of() -> Iterator[Callable[..., ReportsSession]]:
    """Make a session with a server; it is closed in the end."""
    with contextlib.ExitStack() as open_sessions:

        def make(server: Server, **settings: Any) -> ReportsSession:
            settings = {"timeout": 5, "max_retries": 3, **settings}
            session = ReportsSession(KEY, f"{server.origin}/reports/v1", **settings)
            open_sessions.enter_context(session)
            return session

        yield make


@pytest.fixture
def session(server: Server, session_of: Callable[..., ReportsSession]) -> ReportsSession:
    return session_of(server)
