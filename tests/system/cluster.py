"""An Airflow past one machine: Celery's workers, a broker between, PostgreSQL for all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from postgres import PostgresServer
from servers import free_port, running
from whole_airflow import Airflow, processes_of_session


class Cluster(Airflow):
    """An Airflow whose tasks run in workers of their own, one at a time in each.

    :param home: its folder.
    :param dags: names of DAG files to run.
    :param settings: further environment variables.
    :param database: keeps its metadata, and the results that Celery wants to be kept.
    :param broker: URL of what hands tasks to workers.
    :param workers: how many workers there are at first.
    """

    def __init__(
        self, home: Path, dags: tuple[str, ...], settings: dict[str, str], *,
        database: PostgresServer, broker: str, workers: int,
    ) -> None:  # fmt: skip
        self._server = database
        address = (
            f"postgres:{database.password}@127.0.0.1:{database.port}/"
            f"{database.connection['schema']}"
        )
        *others, scheduler = self.components
        self.components = (*others, *map(worker, range(workers)), scheduler)
        cluster = {
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql+psycopg2://{address}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            # Tasks that wait, wait in the scheduler and not in the broker: Airflow would take those
            # that wait there for very long for lost.
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{address}",
            # What a dead worker ran is found by its silence alone. Celery hands its message, which
            # is not acknowledged before the task's end, to another worker after the broker's
            # visibility timeout (a day); by then Airflow has long begun a try with a message of its
            # own. So it is the scheduler's patience that decides how long recovery takes: by
            # default five minutes, asked about every ten seconds. A task reports every five.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        }
        super().__init__(home, dags, {**cluster, **settings})

    def words(self, component: str) -> list[str]:
        """Return the ``airflow`` command that runs a component."""
        if not component.startswith("worker-"):
            return super().words(component)
        return [
            "celery", "worker", "--celery-hostname", component, "--skip-serve-logs",
            "--without-gossip", "--without-mingle",
        ]  # fmt: skip

    def workers_are_ready(self) -> bool:
        """Whether all workers take tasks."""
        names = [name for name in self._processes if name.startswith("worker-")]
        return all(" ready" in self.log(name).read_text(errors="replace") for name in names)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the metadata database."""
        import psycopg2.extras

        given = self._server.connection
        with contextlib.closing(
            psycopg2.connect(
                host=given["host"], port=given["port"], user=given["login"],
                password=given["password"], dbname=given["schema"],
            )
        ) as database, database.cursor() as cursor:  # fmt: skip
            # JSON comes as text, as it does from SQLite.
            psycopg2.extras.register_default_jsonb(database, loads=str)
            cursor.execute(sql)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def cpu_seconds(self) -> dict[str, float]:
        """Return what each component has used so far; the workers together."""
        seconds: dict[str, float] = {}
        for component, process in self._processes.items():
            name = "workers" if component.startswith("worker-") else component
            for pid in processes_of_session(process.pid):
                with contextlib.suppress(psutil.Error):
                    seconds[name] = seconds.get(name, 0.0) + sum(
                        psutil.Process(pid).cpu_times()[:4]  # its own, and its dead children's
                    )
        return seconds


def worker(number: int) -> str:
    """Return the name of a worker."""
    return f"worker-{number + 1}"


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """A Redis server that keeps nothing, and its URL."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("needs Redis: apt-get install redis-server")
    port = free_port()
    command = [
        program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no",
        "--dir", os.fspath(folder),
    ]  # fmt: skip
    with running(command, port):
        yield f"redis://127.0.0.1:{port}/0"
