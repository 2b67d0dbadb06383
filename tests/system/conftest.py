"""A whole Airflow of its own, in real processes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import free_port
from surroundings import TESTS

EXAMPLES = TESTS.parent / "example_dags"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


class Airflow:
    """Airflow's own processes, on SQLite and loopback.

    :param home: its folder.
    :param api: base URL of the Reports API.
    :param key: API key.
    :param dags: example DAG files to run.
    """

    def __init__(self, home: Path, api: str, key: str, dags: tuple[str, ...]) -> None:
        self.home = home
        self.landing = home / "landing"
        self.warehouse = home / "warehouse.duckdb"
        self._database = home / "airflow.db"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (home / "dags").mkdir(parents=True)
        for name in (*dags, "duckdb_warehouse.py", ".airflowignore"):
            shutil.copy(EXAMPLES / name, home / "dags")
        self._port = free_port()
        connection = {"conn_type": "planet_reports", "password": key, "host": api}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW_CONN_PLANET_REPORTS_DEFAULT": json.dumps(connection),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self._port}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4",
            "PLANET_REPORTS_DESTINATION": self.landing.as_uri(),
            "PLANET_REPORTS_WAREHOUSE": str(self.warehouse),
            "PLANET_REPORTS_POLL_INTERVAL": "1",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> None:
        """Make the database and start everything."""
        self.command("db", "migrate")
        for component in COMPONENTS:
            self.begin(component)

    def command(self, *words: str) -> str:
        """Run an ``airflow`` command; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=self._environment, cwd=self.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def begin(self, component: str) -> None:
        """Start one component."""
        skip = ["--skip-serve-logs"] if component in ("scheduler", "triggerer") else []
        with self.log(component).open("ab") as log:
            self._processes[component] = subprocess.Popen(
                [sys.executable, "-m", "airflow", component, *skip],
                env=self._environment, cwd=self.home, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, component: str) -> None:
        """End a component and its children as a power cut would."""
        self._signal(component, signal.SIGKILL)

    def stop(self) -> None:
        """End everything."""
        for component in self._processes:
            self._signal(component, signal.SIGTERM)

    def _signal(self, component: str, number: signal.Signals) -> None:
        process = self._processes[component]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def log(self, component: str) -> Path:
        """Return where a component's output goes."""
        return self.home / f"{component}.log"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the metadata database."""
        address = f"file:{self._database}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()

    def landed(self) -> set[str]:
        """Return the ids of the reports that have a receipt."""
        receipts = self.landing / "_receipts"
        return {path.stem for path in receipts.glob("[!_]*.json")}

    def loaded(self) -> Counter[str]:
        """Return how often each report is in the warehouse.

        It is read from a copy: a reader of the file itself would lock the load out.
        """
        import duckdb

        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(duckdb.Error, OSError):
            for path in self.home.glob("warehouse.duckdb*"):
                shutil.copy(path, folder)
            with duckdb.connect(str(Path(folder, "warehouse.duckdb"))) as db:
                query = "SELECT report_id FROM loaded_reports"
                return Counter(report_id for (report_id,) in db.execute(query).fetchall())
        return Counter()

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 120) -> float:
        """Wait until something holds; return how long that took."""
        begun = time.monotonic()
        while not holds():
            for component, process in self._processes.items():
                assert process.poll() is None, f"{component} ended: {self.tail(component)}"
            if time.monotonic() - begun > seconds:
                logs = "\n".join(self.tail(component) for component in COMPONENTS)
                pytest.fail(f"Not within {seconds} s: {what}.\n{logs}")
            time.sleep(0.2)
        return time.monotonic() - begun

    def tail(self, component: str) -> str:
        """Return the end of a component's output."""
        return f"--- {component}\n{self.log(component).read_text(errors='replace')[-3000:]}"


@pytest.fixture
def airflow_of(tmp_path: Path) -> Iterator[Callable[..., Airflow]]:
    """Start an Airflow that runs example DAGs against an API."""
    started: list[Airflow] = []

    def start(api: str, key: str, *dags: str) -> Airflow:
        airflow = Airflow(tmp_path / "airflow", api, key, dags)
        started.append(airflow)
        airflow.start()
        return airflow

    yield start
    for airflow in started:
        airflow.stop()
