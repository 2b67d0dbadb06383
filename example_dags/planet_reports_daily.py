"""Every morning: land yesterday's usage reports, load them, and check that none is missing.

Reports that came late are not missed: each run looks back over a week, and what is landed
already costs nothing. A run over an earlier day (a backfill, a cleared run) lands what that
day's run would have landed.

To schedule it, create the connection ``planet_reports_default`` (with the API key of an
organization administrator), and set in the environment of Airflow:

* ``PLANET_REPORTS_DESTINATION``: where the files go, for example ``s3://my_aws@my-bucket/planet``
  with the connection ``my_aws``; by default a folder below ``AIRFLOW_HOME``;
* ``PLANET_REPORTS_WAREHOUSE``: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``;
  by default a DuckDB file below ``AIRFLOW_HOME``.

The default folders are on the worker's own disk: right for one machine, and for nothing else. The
package's extra ``duckdb`` or ``postgres`` has what the warehouse needs.
"""

import datetime as dt
import os
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, Param

from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsCheckOperator
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.transfers.planet_reports_to_warehouse import (
    PlanetReportsToWarehouseOperator,
)

HOME = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser()
DESTINATION = os.environ.get("PLANET_REPORTS_DESTINATION") or (HOME / "planet_reports").as_uri()
WAREHOUSE = os.environ.get("PLANET_REPORTS_WAREHOUSE") or f"duckdb://{HOME}/planet_reports.duckdb"
# A run started by hand has no data interval on Airflow 3: then the day before it was started.
TODAY = "(data_interval_end | default(dag_run.run_after, true)) | ds"

with DAG(
    dag_id="planet_reports_daily",
    schedule="0 6 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    catchup=False,
    default_args={"retries": 2, "retry_delay": dt.timedelta(minutes=10)},
    params={"days": Param(7, type="integer", minimum=2, description="Days to look back.")},
    doc_md=__doc__,
    tags=["planet"],
) as dag:
    # [START howto_daily]
    land = PlanetReportsToObjectStorageOperator(
        task_id="land",
        destination=DESTINATION,
        cadence="daily",
        start=f"{{{{ macros.ds_add({TODAY}, -params.days) }}}}",
        end=f"{{{{ macros.ds_add({TODAY}, -1) }}}}",
    )
    load = PlanetReportsToWarehouseOperator(
        task_id="load",
        source=DESTINATION,
        warehouse=WAREHOUSE,
        cadence="daily",
        # One report that cannot be landed does not keep the others from being loaded.
        trigger_rule="all_done",
    )
    check = PlanetReportsCheckOperator(
        task_id="check",
        destination=DESTINATION,
        warehouse=WAREHOUSE,
        cadence="daily",
        start=f"{{{{ macros.ds_add({TODAY}, -params.days) }}}}",
        end=f"{{{{ macros.ds_add({TODAY}, -2) }}}}",  # yesterday's may be late
    )
    land >> load
    [land, load] >> check
    # [END howto_daily]
