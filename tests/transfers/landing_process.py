"""A process of its own that lands reports as a task does, so that it can be killed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

#: What the fork server imports once for all processes; what is not installed it leaves out.
#: No process inherits a thread: obstore starts its own with the first request.
_PRELOADED = [
    "pytest",  # the main module of the tests, which every process imports
    "airflow_provider_planet_reports.landing.zone",
    "airflow_provider_planet_reports.landing.run",
    "airflow_provider_planet_reports.transfers.planet_reports_to_object_storage",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.timeout",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.google.common.hooks.base_google",
    "airflow.providers.microsoft.azure.hooks.wasb",
]

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(_PRELOADED)


class LandingProcess:
    """Lands in a destination when told to; afterwards no process is left.

    :param destination: the destination's URL.
    :param overwrite: whether to land again what is landed.
    :param airflow: whose way of ending a task at SIGTERM it has, 2 or 3.
    """

    def __init__(self, destination: str, *, overwrite: bool = False, airflow: int = 3) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(
            target=_land, args=(theirs, dict(os.environ), destination, overwrite, airflow)
        )
        self._process.start()
        theirs.close()

    def __enter__(self) -> LandingProcess:
        assert self._pipe.recv() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._pipe.close()

    def begin(self) -> None:
        """Have it land now."""
        self._pipe.send("go")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def lasts(self, seconds: float) -> bool:
        """Whether it is still landing after a while."""
        return not self._pipe.poll(seconds)

    def end(self) -> str:
        """Wait for its end; return the name and text of what was raised, or how it was killed."""
        try:
            told: str = self._pipe.recv()
        except (EOFError, ConnectionResetError):  # the latter, if it died before it began
            self._process.join()
            told = signal.Signals(-(self._process.exitcode or 0)).name
        return told


def _land(
    pipe: Connection, environment: dict[str, str], destination: str, overwrite: bool, airflow: int
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    logging.disable(logging.INFO)
    from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
        PlanetReportsToObjectStorageOperator,
    )

    operator = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, overwrite=overwrite
    )
    _handle_sigterm(operator, airflow)
    pipe.send("ready")
    try:
        pipe.recv()  # a signal may come before it
        with _task_timeout(3600):
            operator.execute({})
    except BaseException as error:  # whatever a signal raises
        pipe.send(f"{type(error).__name__}: {error}")
    else:
        pipe.send("landed")
    with suppress(EOFError):  # nobody else may get its process id while it may be killed
        pipe.recv()


def _handle_sigterm(operator: Any, airflow: int) -> None:
    """Do at SIGTERM what Airflow does in a task's process: 3 raises nothing, 2 does."""
    # Not in the handler: the import may log, and may have interrupted the holder of a log's lock.
    from airflow.exceptions import AirflowTaskTerminated

    def handle(*_: object) -> None:
        operator.on_kill()
        if airflow == 2:
            raise AirflowTaskTerminated("Task received SIGTERM signal")

    signal.signal(signal.SIGTERM, handle)


def _task_timeout(seconds: float) -> Any:
    """Airflow's own ``execution_timeout``: SIGALRM raises ``AirflowTaskTimeout``."""
    for module in ("airflow.sdk.execution_time.timeout", "airflow.utils.timeout"):
        try:
            return import_module(module).timeout(seconds)
        except ImportError:
            continue
    raise AssertionError("This Airflow has no timeout.")
