"""What is published: built, checked, and installed where nothing of the checkout is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import duckdb
import pytest
from documented_dags import BUCKET, sources
from surroundings import TESTS

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.sandbox import Sandbox

#: Runs the example that writes FOCUS, with contracts of the sandbox's plans.
_FOCUS = """
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


def test_the_long_description_names_no_address_that_an_index_cannot_follow(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        description = archive.read(metadata).decode().partition("\n\n")[2]
    assert description.startswith("# Planet Reports for Apache Airflow\n")
    assert "PlanetReportsToObjectStorageOperator" in description
    targets = re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)", description)
    assert [each for each in targets if not "".join(each).startswith("https://")] == []
    assert "](" in (TESTS.parent / "README.md").read_text()


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


@pytest.fixture
def install(wheel, tmp_path):
    """Install the wheel alone in an environment of its own; return how to run its Python."""

    def install(extras):
        python = tmp_path / "venv" / "bin" / "python"
        run(UV, "venv", "--python", sys.executable, tmp_path / "venv")
        run(
            UV, "pip", "install", "--python", python, f"{wheel}[{extras}]",
            env={**os.environ, "UV_COMPILE_BYTECODE": "1"},
        )  # fmt: skip
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AIRFLOW", "PYTHON"))
        }
        environment["AIRFLOW_HOME"] = str(tmp_path / "home")

        def run_python(*words, **variables):
            return run(python, *words, cwd=tmp_path, env={**environment, **variables})

        found = run_python("-c", f"import {PACKAGE}; print({PACKAGE}.__file__)")
        assert found.startswith(str(tmp_path / "venv"))
        return run_python

    return install


def test_the_installed_wheel_is_found_by_airflow_and_runs_the_quickstart(install, sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    python = install("duckdb,usage-page")
    for words in ("list", "hooks"):
        assert "planet" in python("-m", "airflow", "providers", words)
    (example,) = tmp_path.glob("*/example_dags/quickstart.py")
    said = python(example)
    assert "Landed 56 reports" in said
    assert said.rstrip().endswith("index.html")
    home = tmp_path / ".quickstart" / "sandbox"
    page = (home / "planet_dashboard" / "index.html").read_text()
    assert page.count("<b>Planet says ") == 2  # of each plan's quota
    home_of_its_own = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(example.parent),
        "PYTHONPATH": str(example.parent),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
    }
    said = python("-c", _FOCUS, **home_of_its_own)
    assert said.rstrip().endswith("success")
    assert list(home.glob("planet_focus/billing_period=*/planet.parquet"))


def test_the_installed_wheel_lands_loads_and_checks_by_the_dag_in_the_readme(
    install, moto, tmp_path
):
    source = sources()["README-planet_usage"].replace("duckdb:///data/", f"duckdb://{tmp_path}/")
    assert len(source.splitlines()) <= 25
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "planet_usage.py").write_text(source)
    python = install("s3,duckdb")
    moto.client.create_bucket(Bucket=BUCKET)
    sandbox = Sandbox(days=3)
    with sandbox.serve() as base_url:
        planet = {"conn_type": "planet_reports", "password": sandbox.key, "host": base_url}
        variables = {
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW_CONN_PLANET_REPORTS_DEFAULT": json.dumps(planet),
            "AIRFLOW_CONN_MY_AWS_CONNECTION": json.dumps(moto.connection),
        }
        python("-m", "airflow", "db", "migrate", **variables)
        python("-m", "airflow", "dags", "test", "planet_usage", **variables)
    with duckdb.connect(str(tmp_path / "planet.duckdb")) as db:
        loaded = db.execute("SELECT report_id FROM loaded_reports").fetchall()
        rows = db.execute("SELECT sum(rows) FROM usage_daily WHERE usage > 0").fetchone()
    assert {report_id for (report_id,) in loaded} == {each["report_id"] for each in sandbox.reports}
    summaries = [each for each in sandbox.reports if each["report_type"] == "summary"]
    assert rows == (sum(each["num_rows"] for each in summaries if each["cadence"] == "daily"),)
