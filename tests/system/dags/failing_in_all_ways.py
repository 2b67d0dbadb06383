"""Tasks that fail in all ways, with tracebacks: what they leave must not hold the key."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from airflow.providers.common.compat.sdk import DAG, task
from planet import auth_builtins

from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
from airflow_provider_planet_reports.operators.planet_reports import PlanetReportsListOperator
from airflow_provider_planet_reports.sensors.planet_reports import PlanetReportsSensor
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.triggers.planet_reports import (
    PlanetReportsEventTrigger,
    PlanetReportsTrigger,
)

DESTINATION = os.environ["PLANET_REPORTS_DESTINATION"] + "/failing"
BY_LOGIN = "planet_reports_by_login"
# In each process of Airflow's, Planet's SDK takes a server of the test for Planet's.
auth_builtins._OIDC_AUTH_CLIENT_CONFIG__M2M_SKEL["auth_server"] = os.environ[
    "PLANET_REPORTS_TOKEN_SERVER"
]


class CrashingOperator(PlanetReportsToObjectStorageOperator):
    """Ends with an error of nobody's making while everything is at hand."""

    def execute(self, context: Any) -> None:
        landed = super().execute(context)
        hook = PlanetReportsHook(self.planet_reports_conn_id)
        session = hook.get_conn()
        reports = list(hook.list_reports())
        shown = (self, hook, session, hook.api, reports, landed, session.credentials, vars(self))
        self.log.info("All objects: %r %s", shown, shown)
        print(*shown)
        raise RuntimeError(f"{shown!r}")


COMMON: dict[str, Any] = {
    "schedule": None,
    "start_date": dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
    "default_args": {"retries": 0},
}
#: A password is masked by Airflow too; a login by the hook alone.
CONNECTIONS = {
    "password": "planet_reports_default",
    "login": BY_LOGIN,
    "oauth2": "planet_reports_oauth2",
}

with DAG("meets_faults", **COMMON):
    for kind, conn_id in CONNECTIONS.items():
        PlanetReportsToObjectStorageOperator(
            task_id=f"land_{kind}",
            planet_reports_conn_id=conn_id,
            destination=f"{DESTINATION}/meets_faults_{kind}",
        )

with DAG("fails_in_all_ways", **COMMON):
    for kind, conn_id in CONNECTIONS.items():
        CrashingOperator(
            task_id=f"crash_{kind}",
            planet_reports_conn_id=conn_id,
            destination=f"{DESTINATION}/crash_{kind}",
        )
        PlanetReportsToObjectStorageOperator(
            task_id=f"unreachable_destination_{kind}",
            planet_reports_conn_id=conn_id,
            destination="s3://unreachable@bucket/prefix",
        )
    PlanetReportsListOperator(
        task_id="refused_filter", planet_reports_conn_id=BY_LOGIN, query={"page_size": "0"}
    )
    for wrong in ("planet_reports_wrong", "planet_reports_wrong_secret"):
        PlanetReportsSensor(task_id=f"refused_{wrong}", planet_reports_conn_id=wrong)
    PlanetReportsSensor(
        task_id="waits_in_vain",
        planet_reports_conn_id=BY_LOGIN,
        deferrable=True,
        min_reports=10_000,
        poke_interval=1,
        timeout=10,
    )

    @task
    def show_triggers() -> None:
        """Show what the triggerer is given."""
        for kind in (PlanetReportsTrigger, PlanetReportsEventTrigger):
            trigger = kind(planet_reports_conn_id=BY_LOGIN, destination=DESTINATION)
            print(trigger, repr(trigger), trigger.serialize(), vars(trigger))
        raise RuntimeError("nothing more to be shown")

    show_triggers()
