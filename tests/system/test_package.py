"""What is published: built, checked, and installed where nothing of the checkout is."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports import __version__

#: Runs the example that writes FOCUS, with contracts of the sandbox's plans.
_FOCUS = """
import sys
sys.path.insert(0, ".")
from planet_reports_focus import dag
contract = {"start": "2020-01-01", "end": "2099-12-31", "price": 1, "quota": 2, "unit": "Tiles"}
contracts = [{"plan_id": plan, **contract} for plan in ("1001", "1002")]
print(dag.test(run_conf={"contracts": contracts}).state.value)
"""
UV = Path(sys.prefix, "bin", "uv")
PACKAGE = "airflow_provider_planet_reports"
pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(not UV.exists(), reason="needs uv beside this Python"),
]


def run(*words, **options):
    """What a command prints."""
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(UV, "build", "--out-dir", folder, TESTS.parent)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return built / f"{PACKAGE}-{__version__}-py3-none-any.whl"


@pytest.fixture(scope="module")
def sdist(built):
    return built / f"{PACKAGE}-{__version__}.tar.gz"


def test_both_would_be_accepted_by_an_index(wheel, sdist):
    assert run(UV, "tool", "run", "twine", "check", "--strict", wheel, sdist).count("PASSED") == 2


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = (TESTS.parent / PACKAGE).rglob("*")
    assert names == {
        path.relative_to(TESTS.parent).as_posix()
        for path in modules
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert f"{PACKAGE}/py.typed" in names


def test_the_sdist_holds_all_that_is_kept_under_version_control(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    kept = run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=TESTS.parent
    ).splitlines()
    assert names == {*kept, "PKG-INFO"}


def test_the_installed_wheel_is_found_by_airflow_and_runs_the_quickstart(wheel, sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    python = tmp_path / "venv" / "bin" / "python"
    run(UV, "venv", "--python", sys.executable, tmp_path / "venv")
    run(
        UV, "pip", "install", "--python", python, f"{wheel}[duckdb,usage-page]",
        env={**os.environ, "UV_COMPILE_BYTECODE": "1"},
    )  # fmt: skip
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "PYTHON"))
    }
    somewhere = {"cwd": tmp_path, "env": {**environment, "AIRFLOW_HOME": str(tmp_path / "home")}}
    assert run(
        python, "-c", f"import {PACKAGE}; print({PACKAGE}.__file__)", **somewhere
    ).startswith(str(tmp_path / "venv"))
    for words in ("list", "hooks"):
        assert "planet" in run(python, "-m", "airflow", "providers", words, **somewhere)
    (example,) = tmp_path.glob("*/example_dags/quickstart.py")
    said = run(python, example, **somewhere)
    assert "Landed 56 reports" in said
    assert said.rstrip().endswith("index.html")
    home = tmp_path / ".quickstart" / "sandbox"
    page = (home / "planet_dashboard" / "index.html").read_text()
    assert page.count("<b>Planet says ") == 2  # of each plan's quota
    home_of_its_own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(example.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
    }
    said = run(python, "-c", _FOCUS, cwd=example.parent, env={**environment, **home_of_its_own})
    assert said.rstrip().endswith("success")
    assert list(home.glob("planet_focus/billing_period=*/planet.parquet"))
