"""Usage as FOCUS: what the example writes, and that the FinOps Foundation's validator passes it."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from documented_dags import EXAMPLES, run
from landings import land

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.warehouse import load_reports

#: The version that ships the rules; the next ones fetch them.
VALIDATOR = "focus-validator==2.2.1"
NOVEMBER, OCTOBER = "billing_period=2026-11", "billing_period=2026-10"
CONTRACTS = [
    {"plan_id": "7", "start": "2026-10-01", "end": "2027-09-30", "price": 50_000, "quota": 100_000,
     "unit": "Square Kilometers", "unit_prices": {"SkySatCollect": 2.5}},
    {"plan_id": "8", "start": "2026-11-01", "end": "2026-12-31", "price": 300, "quota": 700,
     "unit": "Tiles"},
]  # fmt: skip
#: What the example says of Planet; what else the rules know does not apply.
APPLICABLE = (
    "USAGE_MEASUREMENT_SUPPORTED,UNIT_PRICING_SUPPORTED,NEGOTIATED_PRICING_SUPPORTED,"
    "SUB_ACCOUNT_SUPPORTED"
)


@pytest.fixture
def loaded(tmp_path):
    """Load usage where the example looks for it: (day, plan, item type, usage)."""

    def loaded(*lines):
        for day, plan, item_type, usage in lines:
            report = {
                "report_id": f"{day}-{plan}-{item_type}", "contents": [], "org_id": 1,
                "plan_id": plan, "report_type": "summary", "cadence": "daily",
                "data_date_start": day, "data_date_end": day,
            }  # fmt: skip
            text = f"date,item_type,usage\n{day},{item_type},{usage}\nTotal,,1000000\n"
            land(LocalStore(tmp_path / "zone"), Report.from_dict(report), text.encode())
        load_reports((tmp_path / "zone").as_uri(), f"duckdb://{tmp_path}/warehouse.duckdb")

    return loaded


@pytest.fixture
def written(documented, tmp_path):
    """Run the example; return the rows of a billing period's file."""
    (dag,) = documented("planet_reports_focus").values()

    def written(contracts=CONTRACTS, **params):
        ended = run(dag, contracts=contracts, account="0042", **params)
        assert ended.state == "success"

        def rows(period, columns):
            path = tmp_path / "focus" / period / "planet.parquet"
            return duckdb.sql(f"SELECT {columns} FROM '{path}' ORDER BY ALL").fetchall()

        return rows

    return written


USAGE = [
    ("2026-10-30", 7, "PSScene", 100), ("2026-11-01", 7, "PSScene", 10.5),
    ("2026-11-02", 7, "SkySatCollect", 4), ("2026-11-02", 8, "PSScene", 7),
]  # fmt: skip


def test_usage_has_its_part_of_the_price_and_a_quota_is_bought_when_it_begins(loaded, written):
    loaded(*USAGE)
    rows = written()
    costs = (
        "ChargeCategory, SubAccountId, SkuId, ConsumedQuantity, ContractedUnitPrice, BilledCost, "
        "EffectiveCost"
    )
    assert rows(NOVEMBER, costs) == [
        ("Purchase", "8", "Quota", None, 300.0, 300.0, 0.0),
        ("Usage", "7", "PSScene", 10.5, 0.5, 0.0, 5.25),
        ("Usage", "7", "SkySatCollect", 4.0, 2.5, 0.0, 10.0),
        ("Usage", "8", "PSScene", 7.0, pytest.approx(300 / 700), 0.0, pytest.approx(3.0)),
    ]
    assert rows(OCTOBER, costs) == [
        ("Purchase", "7", "Quota", None, 50_000.0, 50_000.0, 0.0),
        ("Usage", "7", "PSScene", 100.0, 0.5, 0.0, 50.0),
    ]
    day = dt.datetime
    periods = "BillingPeriodStart, BillingPeriodEnd, ChargePeriodStart, ChargePeriodEnd"
    assert rows(OCTOBER, f"ChargeCategory, {periods}") == [
        ("Purchase", day(2026, 10, 1), day(2026, 11, 1), day(2026, 10, 1), day(2027, 10, 1)),
        ("Usage", day(2026, 10, 1), day(2026, 11, 1), day(2026, 10, 30), day(2026, 10, 31)),
    ]
    # As text: a leading zero is part of an id.
    assert rows(OCTOBER, "DISTINCT BillingAccountId, BillingCurrency, x_ContractQuota") == [
        ("0042", "USD", 100_000.0)
    ]


def test_a_billing_period_is_written_again_whole(loaded, written, tmp_path):
    loaded(*USAGE)
    written()
    loaded(("2026-11-03", 7, "PSScene", 1))
    rows = written(months=1)
    assert len(rows(NOVEMBER, "SkuId")) == 5
    files = sorted(path.relative_to(tmp_path) for path in (tmp_path / "focus").rglob("*.*"))
    assert files == [Path("focus", name, "planet.parquet") for name in (OCTOBER, NOVEMBER)]


def test_usage_without_a_contract_is_not_left_out_silently(loaded, written, tmp_path, capfd):
    loaded(*USAGE)
    with pytest.raises(AssertionError):
        written(contracts=CONTRACTS[:1])
    assert "No contract of plan 8 covers 2026-11-02" in "".join(capfd.readouterr())
    assert not (tmp_path / "focus").exists()


def test_the_example_is_as_short_as_it_is_easy_to_read():
    files = [EXAMPLES / f"planet_reports_focus.{kind}" for kind in ("py", "sql")]
    assert sum(len(file.read_text().splitlines()) for file in files) <= 150


@pytest.fixture(scope="module")
def validator(tmp_path_factory):
    """The validator in a virtual environment of its own, which has other versions than this one."""
    uv, folder = Path(sys.prefix, "bin", "uv"), tmp_path_factory.mktemp("focus") / "venv"
    if not uv.exists():
        pytest.skip("needs uv beside this Python")
    # The shims of pyenv answer only for the versions that are switched on.
    pyenv = shutil.which("pyenv")
    every = subprocess.check_output([pyenv, "versions", "--bare"], text=True) if pyenv else ""
    made = subprocess.run(
        [uv, "venv", "-q", "--python", "3.12", folder],
        env={**os.environ, "PYENV_VERSION": ":".join(every.split())}, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("needs Python 3.12, where the validator runs")
    python = folder / "bin" / "python"
    # Newer ones need another NumPy than the validator allows.
    install = [uv, "pip", "install", "-q", "--python", python, VALIDATOR, "pyarrow<22"]
    subprocess.run(install, check=True)
    return folder


@pytest.mark.system
def test_the_validator_passes_all_rules_but_that_of_the_invoices_number(
    loaded, written, validator, tmp_path
):
    loaded(*USAGE)
    written()
    (packages,) = validator.glob("lib/python*/site-packages")
    for period in (OCTOBER, NOVEMBER):
        done = subprocess.run(
            [validator / "bin" / "focus-validator",
             "--data-file", tmp_path / "focus" / period / "planet.parquet",
             "--validate-version", "1.2.0.1", "--block-download",
             "--focus-dataset", "CostAndUsage", "--applicability-criteria", APPLICABLE],
            cwd=packages,  # it looks for its list of currencies there
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        failed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("❌")]
        assert failed == ["InvoiceId-C-005-C:"], done.stdout
        assert "Pass: 200 |" in done.stdout
