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
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
import requests
from servers import free_port
from surroundings import TESTS

#: Where DAG files are taken from.
DAG_FOLDERS = (TESTS.parent / "example_dags", TESTS / "system" / "dags")


class Airflow:
    """Airflow's own processes, on SQLite and loopback.

    :param home: its folder.
    :param dags: names of DAG files to run.
    :param settings: further environment variables.
    """

    #: In the order in which they are started.
    components: tuple[str, ...] = ("api-server", "dag-processor", "triggerer", "scheduler")

    def __init__(self, home: Path, dags: tuple[str, ...], settings: dict[str, str]) -> None:
        self.home = home
        self.landing = home / "landing"
        self.warehouse = home / "warehouse.duckdb"
        self._database = home / "airflow.db"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (home / "dags").mkdir(parents=True)
        for name in (*dags, ".airflowignore"):
            shutil.copy(_dag_file(name), home / "dags")
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        self._token = ""
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.origin}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._database}",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "4",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "PLANET_REPORTS_DESTINATION": self.landing.as_uri(),
            "PLANET_REPORTS_WAREHOUSE": f"duckdb://{self.warehouse}",
            "PLANET_REPORTS_POLL_INTERVAL": "1",
            "PYTHONUNBUFFERED": "1",
            **settings,
        }

    def start(self) -> None:
        """Make the database and start everything."""
        self.command("db", "migrate")
        for component in self.components:
            if component == "scheduler":  # a task that finds no API server fails at once
                self.wait_for("the API server answers", self._let_in)
            self.begin(component)

    def command(self, *words: str) -> str:
        """Run an ``airflow`` command; return what it printed."""
        status, output = self.attempt(*words)
        assert status == 0, output
        return output

    def attempt(self, *words: str) -> tuple[int, str]:
        """Run an ``airflow`` command; return its exit status and what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=self._environment, cwd=self.home, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def begin(self, component: str) -> None:
        """Start one component."""
        with self.log(component).open("ab") as log:
            self._processes[component] = subprocess.Popen(
                [sys.executable, "-m", "airflow", *self.words(component)],
                env=self._environment, cwd=self.home, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def words(self, component: str) -> list[str]:
        """Return the ``airflow`` command that runs a component."""
        skip = ["--skip-serve-logs"] if component in ("scheduler", "triggerer") else []
        return [component, *skip]

    def kill(self, component: str) -> None:
        """End a component and its children as a power cut would."""
        process = self._processes.pop(component)
        for pid in processes_of_session(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything; nobody needs it any more, so nobody is asked."""
        for component in list(self._processes):
            self.kill(component)

    def log(self, component: str) -> Path:
        """Return where a component's output goes."""
        return self.home / f"{component}.log"

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the metadata database."""
        address = f"file:{self._database}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=30)) as database:
            return database.execute(sql).fetchall()

    # What people do, through the public REST API

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the API server; return its answer."""
        answer = requests.request(
            method, f"{self.origin}/api/v2/{path}", json=body, timeout=60,
            headers={"Authorization": f"Bearer {self._token}"},
        )  # fmt: skip
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def _let_in(self) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            self._token = requests.get(f"{self.origin}/auth/token", timeout=60).json()[
                "access_token"
            ]
        return bool(self._token)

    def connect(
        self, conn_id: str, host: str, key: str, field: str = "password", **extra: float
    ) -> None:
        """Store a connection to a Reports API, with the key in one of its fields."""
        connection = {"connection_id": conn_id, "conn_type": "planet_reports", "host": host}
        in_extra = json.dumps({"max_retries": 1, **extra})
        self.rest("POST", "connections", {**connection, "extra": in_extra, field: key})

    def unpause(self, dag_id: str) -> None:
        """Have a DAG run as it is scheduled."""
        self.wait_for(f"DAG {dag_id} is known", lambda: self.knows(dag_id))
        self.rest("PATCH", f"dags/{dag_id}", {"is_paused": False})

    def trigger(self, dag_id: str, **params: Any) -> str:
        """Start a run of a DAG; return its id."""
        self.wait_for(f"DAG {dag_id} is known", lambda: self.knows(dag_id))
        body = {"logical_date": None, "conf": params}
        run_id: str = self.rest("POST", f"dags/{dag_id}/dagRuns", body)["dag_run_id"]
        return run_id

    def knows(self, dag_id: str) -> bool:
        """Whether a DAG's file has been read."""
        return bool(self.query(f"SELECT 1 FROM serialized_dag WHERE dag_id = '{dag_id}'"))

    def run(self, dag_id: str, **params: Any) -> str:
        """Run a DAG to its end; return the run's id."""
        run_id = self.trigger(dag_id, **params)
        self.wait_for(f"{dag_id} has run", lambda: self.has_ended(run_id))
        return run_id

    def run_as_scheduled(self, dag_id: str) -> str:
        """Unpause a DAG whose time has come, and let it run to its end; return the run's id."""
        self.unpause(dag_id)
        ran = f"SELECT run_id FROM dag_run WHERE dag_id = '{dag_id}'"
        self.wait_for(f"{dag_id} has begun", lambda: self.query(ran))
        ((run_id,),) = self.query(ran)
        self.wait_for(f"{dag_id} has run", lambda: self.has_ended(run_id))
        return run_id

    def has_ended(self, run_id: str) -> bool:
        """Whether a run is over."""
        return self.run_state(run_id) in ("success", "failed")

    def run_state(self, run_id: str) -> str:
        """Return the state of a run."""
        state: str = self.query(f"SELECT state FROM dag_run WHERE run_id = '{run_id}'")[0][0]
        return state

    def tasks(self, run_id: str) -> dict[tuple[str, int], tuple[str, int]]:
        """Return state and number of tries of a run's tasks, by task id and map index."""
        found = self.task_instances(run_id)
        return {
            (each["task_id"], each["map_index"]): (each["state"], each["try_number"])
            for each in found
        }

    def task_instances(self, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances, as the API describes them."""
        ((dag_id,),) = self.query(f"SELECT dag_id FROM dag_run WHERE run_id = '{run_id}'")
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?limit=100"
        found: list[dict[str, Any]] = self.rest("GET", path)["task_instances"]
        return found

    def returned(self, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return what a task returned."""
        ((dag_id,),) = self.query(f"SELECT dag_id FROM dag_run WHERE run_id = '{run_id}'")
        path = f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/xcomEntries"
        return self.rest("GET", f"{path}/return_value?map_index={map_index}")["value"]

    def task_log(self, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return what a try of a task logged."""
        folder = next((self.home / "logs").glob(f"dag_id=*/run_id={run_id}/task_id={task_id}"))
        return (folder / f"attempt={attempt}.log").read_text(errors="replace")

    def landed(self) -> set[str]:
        """Return the ids of the reports that have a receipt."""
        return {path.stem for path in self.landing.glob("_receipts/**/*.json")}

    def loaded(self) -> Counter[str]:
        """Return how often each report is in the warehouse."""
        return Counter(
            report_id for (report_id,) in self.ask("SELECT report_id FROM loaded_reports")
        )

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse; nothing is in it before its tables are.

        It is asked in a copy: a reader of the file itself would lock the load out.
        """
        import duckdb

        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(duckdb.Error, OSError):
            for path in self.home.glob("warehouse.duckdb*"):
                shutil.copy(path, folder)
            with duckdb.connect(str(Path(folder, "warehouse.duckdb"))) as db:
                return db.execute(sql).fetchall()
        return []

    def wait_for(self, what: str, holds: Callable[[], bool], seconds: float = 300) -> float:
        """Wait until something holds; return how long that took."""
        begun = time.monotonic()
        while not holds():
            for component, process in self._processes.items():
                assert process.poll() is None, f"{component} ended: {self.tail(component)}"
            if time.monotonic() - begun > seconds:
                logs = "\n".join(self.tail(component) for component in self._processes)
                pytest.fail(f"Not within {seconds} s: {what}.\n{logs}")
            time.sleep(0.2)
        return time.monotonic() - begun

    def tail(self, component: str) -> str:
        """Return the end of a component's output."""
        return f"--- {component}\n{self.log(component).read_text(errors='replace')[-3000:]}"


def processes_of_session(leader: int) -> list[int]:
    """Return the ids of a session's processes; a running task is in it, in a group of its own."""
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) == leader:
                found.append(pid)
    return found


def _dag_file(name: str) -> Path:
    return next(folder / name for folder in DAG_FOLDERS if (folder / name).exists())
