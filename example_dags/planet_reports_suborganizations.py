"""Every morning: land the usage reports of several organizations, each in a folder of its own.

Sub-organizations have ids of their own, to be found on the Organizations tab of the account; the
key must be of an administrator of each. The folders are called ``org_id=…``: read as a whole, the
destination has the organization as one more partition column.

What it needs is what ``planet_reports_daily.py`` needs, and ``PLANET_REPORTS_ORG_IDS``: the
organizations' ids, separated by commas.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG

from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
DESTINATION_CONN_ID = os.environ.get("PLANET_REPORTS_DESTINATION_CONN_ID") or None
ORG_IDS = [each.strip() for each in os.environ.get("PLANET_REPORTS_ORG_IDS", "0000").split(",")]
DAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_suborganizations",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_suborganizations]
    PlanetReportsToObjectStorageOperator.partial(
        task_id="land",
        destination_conn_id=DESTINATION_CONN_ID,
        start=f"{{{{ macros.ds_add({DAY}, -7) }}}}",
        map_index_template="{{ task.org_id }}",
    ).expand_kwargs(
        [{"org_id": org_id, "destination": f"{DESTINATION}/org_id={org_id}"} for org_id in ORG_IDS]
    )
    # [END howto_suborganizations]
