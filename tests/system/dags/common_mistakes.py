"""One task for each mistake; the test says which parameters and connections they have."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)


def without_the_extra(context):
    """Have the worker lack what the extra ``s3`` brings."""
    sys.modules["airflow.providers.amazon"] = None


with DAG("common_mistakes", schedule=None, start_date=dt.datetime(2026, 1, 1)):
    for name, parameters in json.loads(os.environ["COMMON_MISTAKES"]).items():
        PlanetReportsToObjectStorageOperator(
            task_id=name,
            pre_execute=without_the_extra if name == "missing_extra" else None,
            **parameters,
        )
