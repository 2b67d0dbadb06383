"""A PostgreSQL server of the tests' own, on loopback."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from servers import free_port

#: Whom the server runs as where the tests run as root, which it refuses.
_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class PostgresServer:
    """A PostgreSQL server.

    :param port: its port on loopback.
    :param password: of the user ``postgres``.
    """

    port: int
    password: str

    @property
    def connection(self) -> dict[str, Any]:
        """Airflow's connection to it."""
        return {
            "conn_type": "postgres",
            "host": "127.0.0.1",
            "port": self.port,
            "login": "postgres",
            "password": self.password,
            "schema": "postgres",
        }


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """The newest PostgreSQL that the system has."""
    found = programs()
    if found is None:
        pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
    user = _other_user()
    # Not below pytest's own folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(prefix="planet-reports-postgres-") as name:
        folder, password, port = Path(name), secrets.token_hex(16), free_port()
        (folder / "password").write_text(password)
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
        data, log = folder / "data", folder / "log"
        _run(
            user, found / "initdb", "--pgdata", data, "--username", "postgres", "--no-sync",
            "--encoding", "UTF8", "--locale", "C.UTF-8", "--auth", "scram-sha-256",
            "--pwfile", folder / "password",
        )  # fmt: skip
        settings = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c fsync=off"
        control = (found / "pg_ctl", "--pgdata", data, "--log", log, "--wait")
        _run(user, *control, "--options", settings, "start")
        try:
            yield PostgresServer(port, password)
        finally:
            _run(user, *control, "--mode", "immediate", "stop")


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs; None where there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: float(path.parts[-3])
    )
    on_path = shutil.which("pg_ctl")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


def _other_user() -> str | None:
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((user for user in _USERS if user in known), None)


def _run(user: str | None, *words: object) -> None:
    drop = ["setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups"]
    # Not to a pipe: the server would keep it open.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            [*(drop if user else ()), *map(str, words)],
            cwd="/", stdout=said, stderr=said, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        said.seek(0)
        assert done.returncode == 0, said.read()


def _group(user: str | None) -> int:
    return pwd.getpwnam(user).pw_gid if user else os.getegid()
