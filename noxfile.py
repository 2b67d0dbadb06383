"""The test matrix: every minor version of Airflow on the Pythons it runs on.

``nox`` runs all of it, ``nox -s 'tests(2.11-py3.11)'`` one cell, ``nox -t 2.11`` those of one
Airflow; ``nox -l`` lists them. ``nox -s beta -- -m system`` runs the system tests on the coming
Airflow. Arguments after ``--`` are pytest's. ``nox -s lock`` chooses the
versions that the cells are tested with again. A Python that is not installed is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "beta"]

PYTHONS = {
    "2.11": ["3.10", "3.11", "3.12"],
    "3.0": ["3.10", "3.11", "3.12"],
    "3.1": ["3.10", "3.11", "3.12", "3.13"],
    "3.2": ["3.10", "3.11", "3.12", "3.13"],
    "3.3": ["3.10", "3.11", "3.12", "3.13"],
}
#: What Airflow itself forgot to exclude: with newer ones it installs, but does not run.
BOUNDS = {
    "2.11": [],
    "3.0": ["fastapi<0.117", "pyjwt<2.11", "universal-pathlib<0.3"],
    "3.1": [],
    "3.2": ["fastapi<0.137", "svcs<26"],
    "3.3": [],
}
#: The coming Airflow.
BETA = "3.4.0b2"
CONSTRAINTS = Path("tests", "constraints")

# The shims of pyenv only answer for the versions that are switched on.
if pyenv := shutil.which("pyenv"):
    installed = subprocess.check_output([pyenv, "versions", "--bare"], text=True)  # noqa: S603
    os.environ["PYENV_VERSION"] = ":".join(installed.split())


@nox.session
@nox.parametrize(
    "python, airflow",
    [
        nox.param(python, airflow, id=f"{airflow}-py{python}", tags=[airflow, f"py{python}"])
        for airflow, pythons in PYTHONS.items()
        for python in pythons
    ],
)
def tests(session: nox.Session, airflow: str) -> None:
    """Run the tests in one cell."""
    constraints = CONSTRAINTS / f"airflow-{airflow}.txt"
    session.install("-e", ".[test]", "-c", str(constraints), env={"UV_COMPILE_BYTECODE": "1"})
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.12")
def beta(session: nox.Session) -> None:
    """Run the tests on the coming Airflow; what fails is shown, and does not count."""
    wanted = f"apache-airflow=={BETA}"
    session.install("-e", ".[test]", wanted, "--prerelease=allow")
    session.run("python", "-m", "pytest", *session.posargs, success_codes=[0, 1])


@nox.session(python=False)
@nox.parametrize("airflow", [nox.param(airflow, id=airflow) for airflow in PYTHONS])
def lock(session: nox.Session, airflow: str) -> None:
    """Choose the newest versions that a minor of Airflow works with, on all of its Pythons."""
    wanted = Path(session.create_tmp(), "wanted.txt")
    wanted.write_text("\n".join([f"apache-airflow=={airflow}.*", *BOUNDS[airflow]]))
    chosen = session.run(
        "uv", "pip", "compile", "pyproject.toml", str(wanted), "--extra", "test",
        "--universal", "--python-version", PYTHONS[airflow][0], "--fork-strategy", "fewest",
        "--upgrade", "--quiet", "--no-header", "--no-annotate",
        external=True, silent=True,
    )  # fmt: skip
    # A constraint binds what is installed anyway, so where it is installed need not be said.
    lines = sorted({line.partition(" ;")[0] for line in chosen.splitlines()})
    (CONSTRAINTS / f"airflow-{airflow}.txt").write_text("\n".join(lines) + "\n")
