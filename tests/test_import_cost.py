from __future__ import annotations

import json
import subprocess
import sys

_HEAVY = (
    "requests",
    "urllib3",
    "fsspec",
    "upath",
    "boto3",
    "aiohttp",
    "duckdb",
    "numpy",
    "obstore",
)

_IMPORT = """
import json, sys
from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, AirflowSkipException
before = set(sys.modules)
import airflow_provider_planet_reports.operators.planet_reports
import airflow_provider_planet_reports.transfers.planet_reports_to_object_storage
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_a_dag_file_pays_for_nothing_but_this_packages_own_small_modules():
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert not [name for name in loaded if name.split(".")[0] in _HEAVY]
    own = [name for name in loaded if name.startswith("airflow_provider_planet_reports")]
    assert len(own) < 36, own


def test_the_client_and_the_sandbox_stand_without_airflow():
    probe = (
        "import sys\n"
        "import airflow_provider_planet_reports.client.download\n"
        "import airflow_provider_planet_reports.client.api\n"
        "import airflow_provider_planet_reports.sandbox\n"
        "import airflow_provider_planet_reports.landing.zone\n"
        "assert 'airflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)
