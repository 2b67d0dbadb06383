"""The example DAGs that no other system test runs, in Airflow's own processes."""

from __future__ import annotations

import calendar
import csv
import datetime as dt
import io
from collections import Counter

import pytest

from airflow_provider_planet_reports.airflow_side.outlet_events import check_partitions
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.reports import made_up_reports

pytest.importorskip("airflow.sdk", reason="the processes are those of Airflow 3")
pytestmark = pytest.mark.system

ORG_IDS = (4321, 8765)
try:
    check_partitions()
except InvalidInput:
    HAS_PARTITIONS = False
else:
    HAS_PARTITIONS = True


class Organizations(Sandbox):
    """The reports of several organizations, one key for all."""

    def __init__(self, **options):
        super().__init__(org_id=ORG_IDS[0], **options)
        self.others = [Sandbox(org_id=org_id, **options) for org_id in ORG_IDS[1:]]

    def answer(self, request):
        for other in self.others:
            other.base_url = self.base_url
            answer = other.answer(request)
            if answer.status < 400 and request.query.get("org_id") != str(self.org_id):
                return answer
        return super().answer(request)


def ids_of(sandbox, report_type, **wanted):
    """The ids of a sandbox's daily reports of a type."""
    wanted = {"report_type": report_type, "cadence": "daily", **wanted}
    return {r["report_id"] for r in sandbox.reports if wanted.items() <= r.items()}


def usage_of(reports):
    """The usage by item type, from the files themselves."""
    usage: Counter = Counter()
    for report in reports:
        for row in csv.DictReader(io.StringIO(b"".join(report.part(1).read()).decode())):
            usage[row["item_type"]] += float(row["usage"])
    return usage


def test_each_report_has_a_mapped_task_and_each_organization_a_folder(airflow_of):
    sandbox = Organizations(days=3, plans=(1001,))
    with sandbox.serve() as base_url:
        airflow = airflow_of(
            base_url, sandbox.key,
            "planet_reports_mapped.py", "planet_reports_suborganizations.py",
            PLANET_REPORTS_ORG_IDS=", ".join(map(str, ORG_IDS)),
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True",
        )  # fmt: skip
        detailed = ids_of(sandbox.others[0], "detailed")  # whoever names no organization sees those

        mapped = airflow.run_as_scheduled("planet_reports_mapped")
        assert airflow.tasks(mapped) == {
            ("list", -1): ("success", 1),
            **{("land", index): ("success", 1) for index in range(len(detailed))},
            ("load", -1): ("success", 1),
            ("done", -1): ("success", 1),
        }
        assert airflow.landed() == detailed
        assert airflow.loaded() == Counter(detailed)
        # Every one is landed: nothing to map over, and nothing to load.
        again = airflow.run("planet_reports_mapped")
        assert airflow.returned(again, "list") == []
        assert airflow.tasks(again)["land", -1][0] == "skipped"

        run = airflow.run_as_scheduled("planet_reports_suborganizations")
        states = airflow.tasks(run)
        assert states == {("land", index): ("success", 1) for index in range(len(ORG_IDS))}
        for each in (sandbox, *sandbox.others):
            receipts = airflow.landing.glob(f"org_id={each.org_id}/_receipts/**/*.json")
            landed = {path.stem for path in receipts}
            assert landed == {report["report_id"] for report in each.reports}
        named = {each["rendered_map_index"] for each in airflow.task_instances(run)}
        assert named == {*map(str, ORG_IDS)}


@pytest.mark.skipif(not HAS_PARTITIONS, reason="partitions are Airflow 3.3's")
def test_a_months_usage_is_told_when_its_last_missing_day_is_there_and_not_before(airflow_of):
    today = dt.datetime.now(dt.timezone.utc).date()
    last_of_month = today.replace(day=1) - dt.timedelta(days=1)
    month = f"{last_of_month:%Y-%m}"
    days = calendar.monthrange(last_of_month.year, last_of_month.month)[1]
    late = dt.date(last_of_month.year, last_of_month.month, 17)
    sandbox = Sandbox(days=0, plans=(1001,))
    made = [*made_up_reports(
        seed=1, org_id=sandbox.org_id, plans=(1001,), days=(today - last_of_month).days + days - 1,
        last_day=today - dt.timedelta(days=1), part_bytes=0,
    )]  # fmt: skip
    sandbox.publish(*(report for report in made if report.first_day != late))
    with sandbox.serve() as base_url:
        airflow = airflow_of(
            base_url, sandbox.key, "planet_reports_monthly.py",
            AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="True",
        )  # fmt: skip

        def runs_of_month():
            """The runs for the month that are over, each with the state of its task."""
            found = airflow.query(
                "SELECT run_id FROM dag_run WHERE dag_id = 'planet_reports_months' "
                f"AND partition_key = '{month}' ORDER BY id"
            )
            over = [run_id for (run_id,) in found if airflow.has_ended(run_id)]
            return [(run_id, airflow.tasks(run_id)["usage", -1][0]) for run_id in over]

        airflow.unpause("planet_reports_months")
        first = airflow.run_as_scheduled("planet_reports_days")
        assert airflow.run_state(first) == "success"
        assert airflow.landed() >= ids_of(sandbox, "summary")
        airflow.wait_for("the month has had a run", runs_of_month)
        assert {state for _, state in runs_of_month()} == {"skipped"}

        sandbox.publish(*(report for report in made if report.first_day == late))
        airflow.run("planet_reports_days")
        airflow.wait_for("its usage is told", lambda: runs_of_month()[-1][1] == "success")

        summaries = ids_of(sandbox, "summary")
        of_month = {r for r in made if r.report_id in summaries and f"{r.first_day:%Y-%m}" == month}
        assert len(of_month) == days
        assert airflow.loaded() == Counter(summaries)
        told = airflow.returned(runs_of_month()[-1][0], "usage")
        assert told == pytest.approx(usage_of(of_month))
