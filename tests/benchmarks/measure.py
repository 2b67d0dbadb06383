"""Running one contender once, in a process of its own, and what that took."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.job import Job

_TESTS = Path(__file__).resolve().parents[1]
_PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
_LONGEST = 1200.0
_UNIT = 1 if sys.platform == "darwin" else 1024


class Failed(Exception):
    """A contender did not do its work, or not rightly."""


def contender(name: str) -> ModuleType:
    """Return a contender's module."""
    return importlib.import_module(f"benchmarks.contenders.{name}")


def why_not(name: str, function: str, *needs: str) -> str | None:
    """Return why a contender does not take part; None if it does.

    :param name: the contender.
    :param function: what it is to do.
    :param needs: distributions without which that is nothing.
    """
    module = contender(name)
    if not hasattr(module, function):
        return f"cannot: {module.CANNOT[function]}"
    for distribution in (*getattr(module, "NEEDS", ()), *needs):
        try:
            importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return f"not installed: {distribution}"
    program = getattr(module, "PROGRAM", None)
    if program and not shutil.which(program, path=_PATH):
        return f"not installed: {program}"
    return None


def run(name: str, function: str, job: Job, home: Path, certificate: str = "") -> dict[str, Any]:
    """Run a contender once.

    :param name: the contender.
    :param function: what it is to do.
    :param job: on what.
    :param home: Airflow's home.
    :param certificate: what to trust, where the servers speak TLS.
    :return: seconds (``wall``, ``cpu``) and bytes (``peak``, ``imported``) of the work, those of
        the whole process, and the contender's ``facts``.
    :raises Failed: if it fails, or takes twenty minutes.
    """
    module = contender(name)
    if hasattr(module, "PROGRAM"):
        command = getattr(module, function)(job)
        _, whole = _process(command, b"", home, certificate)
        return {**whole, "imported": 0, "whole": whole, "facts": {}}
    command = [sys.executable, "-m", "benchmarks.worker", name, function]
    output, whole = _process(command, job.to_json().encode(), home, certificate)
    return {**json.loads(output), "whole": whole}


def _process(
    command: list[str], given: bytes, home: Path, certificate: str
) -> tuple[bytes, dict[str, float]]:
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
        stdin.write(given)
        stdin.seek(0)
        with tempfile.TemporaryFile() as stderr:
            begun = time.perf_counter()
            process = subprocess.Popen(
                command, stdin=stdin, stdout=stdout, stderr=stderr, cwd=_TESTS,
                env=_environment(home, certificate),
            )  # fmt: skip
            timer = threading.Timer(_LONGEST, process.kill)
            timer.start()
            try:
                _, status, used = os.wait4(process.pid, 0)
            except BaseException:
                process.kill()
                raise
            finally:
                timer.cancel()
            wall = time.perf_counter() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                stderr.seek(0)
                said = stderr.read().decode(errors="replace").strip()[-2000:]
                raise Failed(f"{command[0]} ended with {process.returncode}: {said}")
        stdout.seek(0)
        figures = {
            "wall": wall,
            "cpu": used.ru_utime + used.ru_stime,
            "peak": used.ru_maxrss * _UNIT,
        }
        return stdout.read(), figures


def _environment(home: Path, certificate: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    trusting = ("REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE") if certificate else ()
    return {
        **kept,
        **dict.fromkeys(trusting, certificate),
        "PATH": _PATH,
        "PYTHONPATH": f"{_TESTS.parent}{os.pathsep}{_TESTS}",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1",
    }


def warm_memory(size: int, folder: Path) -> None:
    """Have a folder's file system take so much memory once, and give it back.

    A virtual machine gets memory from its host only when it is first used, which takes longer
    than writing it; whoever has the first turn would pay for all.
    """
    block = bytes(2**20)
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(size // len(block) + 1):
            file.write(block)


def fresh_folder(path: Path) -> Path:
    """Return a folder, empty."""
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
    path.mkdir(parents=True)
    return path
