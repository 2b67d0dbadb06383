from __future__ import annotations

import json
import re
import signal
import subprocess
import sys

import pytest
import requests

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.transport.session import ReportsSession

COMMAND = [sys.executable, "-m", "airflow_provider_planet_reports.sandbox"]


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def printed(request):
    """What it prints, up to the line before it serves."""
    words = [*COMMAND, "--port", "0", "--days", "2", "--plans", "3", "--key", "my-key"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        lines = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        yield "".join(lines)
        process.send_signal(request.param)
        assert process.wait(10) == 0


def test_it_says_what_it_is_and_gives_a_connection_that_works(printed):
    assert printed.startswith("This is not Planet.")
    found = re.search(r"^AIRFLOW_CONN_PLANET_REPORTS_DEFAULT='(.*)'$", printed, re.MULTILINE)
    connection = json.loads(found.group(1))
    assert connection["conn_type"] == "planet_reports"
    with ReportsSession(connection["password"], connection["host"]) as session:
        reports = list(ReportsAPI(session).list_reports(Filters(cadence="daily")))
    assert len(reports) == 2 * 3 * 2
    assert {report.plan_id for report in reports} == {1001, 1002, 1003}


@pytest.mark.parametrize(
    "wrong",
    [
        ["--days", "0"],
        ["--plans", "0"],
        ["--port", "x"],
        ["--requests-per-second", "0"],
        ["--faults", "2"],
    ],
)
def test_wrong_options_are_refused(wrong):
    done = subprocess.run([*COMMAND, *wrong], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert wrong[0] in done.stderr


def test_a_share_of_the_requests_can_meet_faults():
    words = [*COMMAND, "--port", "0", "--days", "1", "--faults", "1"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for line in iter(process.stdout.readline, ""):
            if line.startswith("base URL"):
                address = line.split()[-1]
            if line.startswith("Ctrl-C"):
                break
        statuses = {status_of(f"{address}/{number}") for number in range(20)}
        process.terminate()
    assert statuses == {429, 503, "ConnectionError"}


def status_of(url):
    try:
        return requests.get(url, auth=("sandbox-key", ""), timeout=10).status_code
    except requests.RequestException as error:
        return type(error).__name__
