"""An Airflow of the tests' own, and how its default connection comes to lead to an API."""

from __future__ import annotations

import json
import os
import re
import signal
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

#: Examples of a fuzz test, unless it says otherwise; a long run asks for more.
EXAMPLES = int(os.environ.get("PLANET_REPORTS_EXAMPLES", "300"))
# How fast an example is depends on what else the machine does.
settings.register_profile(
    "tests", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")
#: In ``dags test`` and ``tasks test``, where a task needs no supervisor of its own, Airflow logs at
#: DEBUG what it is asked to mask: passwords of connections, and by the hook all forms of the key
#: (``InProcessSupervisorComms`` in Airflow 3). Searches for the key leave these lines out.
MASKS_SENT = re.compile(r".*Sending request .*msg=MaskSecret\(.*")
TESTS = Path(__file__).resolve().parent
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="planet-reports-tests-"))

# Airflow reads its configuration when it is imported, so before any test module is.
os.environ.update(
    AIRFLOW_HOME=str(AIRFLOW_HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(TESTS / "dags"),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
    AIRFLOW__SECRETS__USE_CACHE="False",
    AWS_EC2_METADATA_DISABLED="true",
)
# Tests interrupt themselves; started in the background of a script, they would not notice.
signal.signal(signal.SIGINT, signal.default_int_handler)
for name in [name for name in os.environ if name.startswith(("AIRFLOW_CONN_", "PL_API_KEY"))]:
    del os.environ[name]


def connect(monkeypatch: pytest.MonkeyPatch, key: str, host: str, **fields: Any) -> None:
    """Make the default connection lead to an API."""
    connection = {"conn_type": "planet_reports", "login": key, "host": host, **fields}
    monkeypatch.setenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT", json.dumps(connection))
