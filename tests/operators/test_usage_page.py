from __future__ import annotations

import datetime as dt
import subprocess
import sys

import duckdb
import pytest
from pages import Page
from surroundings import connect

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.operators.usage_page import PlanetUsagePageOperator
from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)
from airflow_provider_planet_reports.warehouse import load_reports


@pytest.fixture
def loaded(sandbox, tmp_path):
    """The sandbox's reports in a warehouse; its URL."""
    destination = (tmp_path / "landing").as_uri()
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, cadence="daily"
    ).execute({})
    load_reports(destination, f"duckdb://{tmp_path}/warehouse.duckdb")
    return f"duckdb://{tmp_path}/warehouse.duckdb"


@pytest.fixture
def run(loaded, tmp_path):
    """Run the operator, as a task does; return the page."""

    def run(**options):
        operator = PlanetUsagePageOperator(
            task_id="page",
            **{"warehouse": loaded, "page": (tmp_path / "page").as_uri(), **options},
        )
        operator.render_template_fields({"params": {"days": 2, "quota": {"1001": 10**6}}})
        where = operator.execute({})
        assert where == (tmp_path / "page" / "index.html").as_uri()
        return Page((tmp_path / "page" / "index.html").read_text())

    return run


def test_its_figures_are_those_of_the_sandbox_and_so_is_its_quota(run, sandbox, tmp_path):
    page = run(quotas="planet", days="{{ params.days }}", note="{{ params.days }} days")
    assert page.text.startswith("Planet usage 2 days")
    (used,) = [each["quota_used"] for each in sandbox_products()]
    assert f"Planet says {used:,.0f} of 1,000,000 used" in page.text
    assert page.alerts == []
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as db:
        ((total, two_days),) = db.execute(
            "SELECT sum(usage::DOUBLE), sum(usage::DOUBLE) FILTER (WHERE _data_date > (SELECT "
            "max(_data_date) FROM summary_daily) - 2) FROM summary_daily"
        ).fetchall()
        kept = db.execute("SELECT plan_id, quota_used, quota_unit FROM quota_snapshots").fetchall()
    assert total == pytest.approx(used)
    assert kept == [("1001", used, "km²")]
    shown = page.table(f"Plans, {page.period}")["1001 Sandbox plan 1001"]
    assert shown["Usage"] == f"{two_days:,.0f} km²"


def sandbox_products():
    from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook

    return PlanetReportsHook().list_products()


def test_quotas_may_come_from_a_template(run):
    page = run(quotas="{{ params.quota | tojson }}")
    assert "of 1,000,000 (" in page.text


def test_a_refusal_of_the_account_leaves_a_page_that_says_so(run, sandbox, monkeypatch):
    connect(monkeypatch, MEMBER_KEY, sandbox.base_url)
    page = run(quotas="planet")
    (alert,) = page.alerts
    assert alert.startswith("Planet did not give the quotas, so this page has none: ")
    assert "403" in alert
    assert MEMBER_KEY not in page.html
    assert page.table("Users, 1001")


def test_a_connection_that_cannot_be_right_fails_the_task(run, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_PLANET_REPORTS_DEFAULT", '{"conn_type": "http", "host": "x"}')
    with pytest.raises(PlanetReportsTaskFailure, match="Wrong connection type 'http'"):
        run(quotas="planet")
    assert run(quotas=None).table("Users, 1001")  # nobody asks


def test_a_warehouse_that_is_not_there_is_said(tmp_path):
    operator = PlanetUsagePageOperator(
        task_id="page", warehouse=f"duckdb://{tmp_path}/none.duckdb", page=tmp_path.as_uri()
    )
    with pytest.raises(PlanetReportsTaskError, match="DuckDB file cannot be opened"):
        operator.execute({})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"warehouse": "duckdb://x"}, "must have an absolute path"),
        ({"page": "somewhere"}, "has no scheme"),
        ({"days": 0}, "days=0 is not allowed"),
        ({"days": "a"}, "days='a' is not allowed"),
        ({"days": 3661}, "days=3661 is not allowed"),
        ({"days": True}, "days=True is not allowed"),
        ({"end": "24.11.2026"}, "end='24.11.2026' is not a date"),
        ({"quotas": {"7": -1}}, "has the amount -1"),
        ({"columns": {"usage": "x"}}, "unknown name 'usage': it may have user, user_name"),
    ],
)
def test_what_cannot_be_right_shows_when_the_dag_is_parsed(options, error):
    fine = {"warehouse": "duckdb:///w.duckdb", "page": "file:///page"}
    with pytest.raises(PlanetReportsTaskFailure, match=error):
        PlanetUsagePageOperator(task_id="page", **{**fine, **options})
    templates = dict.fromkeys(options, "{{ params.x }}")
    PlanetUsagePageOperator(task_id="page", **{**fine, **templates})


def test_a_template_that_renders_to_nothing_is_named(loaded):
    operator = PlanetUsagePageOperator(task_id="page", warehouse=loaded, page="{{ params.x }}")
    operator.render_template_fields({"params": {"x": None}})
    with pytest.raises(PlanetReportsTaskFailure, match="page='None': check the XCom"):
        operator.execute({})


def test_the_last_day_may_be_a_date_or_text(run, sandbox):
    day = dt.date.fromisoformat(sandbox.reports[-1]["data_date_start"])
    for end in (day, str(day), dt.datetime(day.year, day.month, day.day)):
        assert run(days=1, end=end).period == f"{day.day} {day:%b %Y}"


def test_a_dag_file_pays_for_none_of_its_libraries():
    probe = (
        "import sys\n"
        "from airflow.providers.common.compat.sdk import BaseOperator\n"
        "before = set(sys.modules)\n"
        "from airflow_provider_planet_reports.operators.usage_page import PlanetUsagePageOperator\n"
        "PlanetUsagePageOperator(task_id='p', warehouse='duckdb:///w', page='file:///p', "
        "quotas={'7': 1})\n"
        "heavy = {'matplotlib', 'duckdb', 'numpy', 'obstore', 'requests', 'psycopg2'}\n"
        "print(sorted(heavy & (set(sys.modules) - before)))\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_its_extra_the_task_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(PlanetReportsTaskFailure, match=r"pip install '.*\[usage-page\]'"):
        run()
