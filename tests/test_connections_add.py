"""The command that the README and the page give makes a connection that the hook can use."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

from surroundings import TESTS

CONN_ID = "planet_reports_added"


def airflow(*words):
    done = subprocess.run(
        [sys.executable, "-m", "airflow", *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documented(page):
    lines = (TESTS.parent / page).read_text().splitlines()
    return next(each for each in lines if each.startswith("airflow connections add"))


def test_the_documented_command_adds_a_connection(airflow_db):
    line = documented("README.md")
    assert documented("docs/connection.md") == line
    words = [
        {"planet_reports_default": CONN_ID, "…": "s3cret"}.get(word, word)
        for word in shlex.split(line)
    ]
    airflow(*words[1:])
    try:
        said = airflow("connections", "get", CONN_ID, "--output", "json")
        (added,) = json.loads(said[said.index("[{") :])
        assert (added["conn_type"], added["password"]) == ("planet_reports", "s3cret")
        assert not added["host"]
    finally:
        airflow("connections", "delete", CONN_ID)
