"""Every documented DAG renders and runs, whatever starts it."""

from __future__ import annotations

import datetime as dt

import pytest
from documented_dags import ASSET_TRIGGERED, KINDS, run, sources

#: Kinds of runs that differ less from the others.
LESS_OFTEN = ("backfill", ASSET_TRIGGERED)
YESTERDAY = str(dt.datetime.now(dt.timezone.utc).date() - dt.timedelta(days=1))
PARTITIONS = {"planet_reports_months": YESTERDAY[:7], "planet_usage_of_a_day": YESTERDAY}
#: By DAG: what its params are set to, and what runs before it.
CONF = {
    "planet_reports_check": {"days": 3},
    "planet_reports_focus": {
        "contracts": [
            {"plan_id": "1001", "start": "2020-01-01", "end": "2099-12-31", "price": 1, "quota": 2}
        ]
    },
}
BEFORE = {
    "planet_reports_focus": "planet_reports_daily",
    "planet_reports_check": "planet_reports_daily",
    "planet_reports_dashboard": "planet_reports_daily",
}


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind in LESS_OFTEN else ()) for kind in KINDS],
)
@pytest.mark.parametrize("name", sources())
def test_it_renders_and_runs(documented, sandbox, name, kind):
    when = dt.datetime.now(dt.timezone.utc) if kind in ("scheduled", "backfill") else None
    if name in BEFORE:
        for dag in documented(BEFORE[name]).values():
            assert run(dag).state == "success"
    for _, dag in sorted(documented(name).items()):
        partition = PARTITIONS.get(dag.dag_id)
        if partition and kind != ASSET_TRIGGERED:
            continue  # its timetable makes no other runs
        ended = run(dag, kind, when, partition, **CONF.get(dag.dag_id, {}))
        assert ended.state == "success", dag.dag_id
