"""Whole landing runs against an API that misbehaves, by seeded chance.

The long form is PLANET_REPORTS_SCHEDULES=10000; 17:18 runs the one with that seed.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import os
import random
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import SIGNATURE, HostileSandbox
from hostile.incident import FAULTS
from hostile.transport_faults import packed
from surroundings import connect

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.auth import secret_forms
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.sandbox.reports import MadeUpReport
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)

SEEDS = range(*map(int, os.environ.get("PLANET_REPORTS_SCHEDULES", "200").split(":")))
KEY = "canary-4b7e1f"
#: What one fault can cost: a report of five parts landed over, and its description.
REQUESTS_PER_FAULT = 7
RETRIES = 3
#: What is no passing trouble: the report fails. Links do not expire again and again.
REFUSALS = {"refused", "html", "redirect_unencrypted", "redirect_loop", "vanishes", "expired"}
#: What passes when it happens once to each file.
PASSING = {name for name, fault in FAULTS.items() if "content" in fault.places} - REFUSALS


class Schedule:
    """One API with its reports, and the faults that it has in store.

    :param seed: what decides about everything.
    """

    def __init__(self, seed: int) -> None:
        chance = random.Random(f"schedule {seed}")
        some = chance.sample(sorted(FAULTS.keys() - {"enormous"}), chance.randint(1, 8))
        self.faults = sorted(FAULTS.keys() - {"enormous"}) if seed % 4 == 0 else some
        self.sandbox = HostileSandbox(
            faults=self.faults,
            rate=chance.choice((0.05, 0.2, 0.5)),
            fault_seed=seed,
            signed_links=chance.random() < 0.5,
            stall_seconds=1,
            seed=seed,
            days=chance.randint(1, 2),
            last_day=dt.date(2026, 11, chance.randint(1, 3)),
            plans=(1001,),
            largest_page=chance.choice((1, 2, 3, 1000)),
            key=KEY,
        )
        self.max_workers = chance.randint(1, 4)
        self.row_count_check = chance.choice(("ignore", "warn", "fail"))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody really wait for another try."""
    monkeypatch.setattr(ReportsSession, "wait", lambda self, _: self._cancelled.is_set())


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"schedule{seed}")
def test_whatever_the_api_does_what_is_landed_is_true_and_a_later_run_completes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    schedule = Schedule(seed)
    sandbox, options = schedule.sandbox, {"max_workers": schedule.max_workers}
    with sandbox.serve() as base_url:
        patiently(monkeypatch, base_url, *schedule.faults)
        asked_for = sandbox.reports
        error = land(tmp_path, **options, row_count_check=schedule.row_count_check)
        landed = check_landed(sandbox, tmp_path, schedule.faults)
        check_error(error, {each["report_id"] for each in asked_for} - landed, sandbox)
        check_requests(sandbox, caplog.messages)

        sandbox.rate = 0
        patiently(monkeypatch, base_url)
        assert land(tmp_path, **options) is None
        assert check_landed(sandbox, tmp_path, schedule.faults) >= {
            each["report_id"] for each in sandbox.reports
        }
        sandbox.exchanges.clear()
        assert land(tmp_path, **options) is None
        assert all(path.count("/") == 3 for _, path, _ in sandbox.exchanges)
    assert not any("authorization" in each.headers for each in sandbox.requests_elsewhere)


@pytest.mark.parametrize("name", FAULTS)
def test_no_fault_is_worse_when_half_of_all_requests_meet_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = small(faults=[name], rate=0.5)
    with sandbox.serve() as base_url:
        patiently(monkeypatch, base_url, name)
        asked_for = {each["report_id"] for each in sandbox.reports}
        error = land(tmp_path)
        check_error(error, asked_for - check_landed(sandbox, tmp_path, [name]), sandbox)
        check_requests(sandbox, caplog.messages)
        assert sandbox.inflicted


@pytest.mark.parametrize("name", sorted(PASSING))
def test_what_goes_wrong_once_with_every_file_is_outlasted_in_the_same_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = small(faults=[name], rate=0, most=1)
    with sandbox.serve() as base_url:
        patiently(monkeypatch, base_url, name)
        reports = sandbox.reports
        sandbox.rate = 1
        assert land(tmp_path, reports=reports) is None
        assert len(sandbox.inflicted) >= len(reports)
        assert len(check_landed(sandbox, tmp_path, [name])) == len(reports)


def small(**options: Any) -> HostileSandbox:
    """Two reports, of one part and of several; their links are signed."""
    return HostileSandbox(
        days=1, plans=(1001,), last_day=dt.date(2026, 11, 2), key=KEY, stall_seconds=1,
        signed_links=True, **options,
    )  # fmt: skip


def patiently(monkeypatch: pytest.MonkeyPatch, base_url: str, *faults: str) -> None:
    """Connect to an API; wait for what stalls no longer than needed."""
    timeout = 0.1 if "stall" in faults else 20
    extra = json.dumps({"timeout": timeout, "max_retries": RETRIES})
    connect(monkeypatch, KEY, base_url, extra=extra)


def land(root: Path, **options: Any) -> Exception | None:
    """Run the operator; return what it raised."""
    operator = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=root.as_uri(), **options
    )
    try:
        assert_clean(json.dumps(operator.execute({})))
    except (PlanetReportsTaskError, PlanetReportsTaskFailure) as error:
        return error
    return None


def assert_clean(text: str) -> None:
    """No form of the key stands in a text, and no signature."""
    assert not any(secret in text for secret in (*secret_forms(KEY), SIGNATURE))


def check_landed(sandbox: HostileSandbox, root: Path, faults: list[str]) -> set[str]:
    """Every receipt is true, and nothing else is to be seen; return whose receipts there are."""
    there = {
        path.relative_to(root).as_posix(): path
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    receipts = {name: key for name in there if (key := ReportKey.of_receipt(name))}
    expected = set(receipts)
    for name, key in receipts.items():
        assert_clean(there[name].read_text())
        receipt = json.loads(there[name].read_text())
        files = {file["name"]: there[file["name"]].read_bytes() for file in receipt["files"]}
        editions = editions_of(sandbox, key.report_id, list(files.values()))
        rows = sum(file["rows"] for file in receipt["files"])
        assert rows == sum(map(rows_of, files.values()))
        assert [file["bytes"] for file in receipt["files"]] == list(map(len, files.values()))
        if "wrong_num_rows" not in faults:  # with it, nothing tells one edition from another
            assert len(editions) == 1, f"{key.report_id} is not of one piece"
            assert receipt["report"]["num_rows"] == rows
        assert ReportKey.of(Report.from_dict(receipt["report"])) == key
        assert {file.rpartition("/")[0] + "/" for file in files} == {key.folder}
        expected |= files.keys()
    assert there.keys() == expected
    return {key.report_id for key in receipts.values()}


def editions_of(sandbox: HostileSandbox, report_id: str, landed: list[bytes]) -> set[int]:
    """Return the editions that hold all files landed; each is in one of them as it was served."""
    newest = sandbox._reports[report_id]
    editions = []
    for number, file in enumerate(landed, 1):
        editions.append(
            {
                edition
                for edition in range(newest.edition + 1)
                if file in as_served(replace(newest, edition=edition), number)
            }
        )
        assert editions[-1], f"part {number} of {report_id} is not what was served"
    return {
        edition
        for edition in set.intersection(*editions)
        if replace(newest, edition=edition).part_count == len(landed)
    }


def as_served(report: MadeUpReport, number: int) -> tuple[bytes, ...]:
    """Return the forms in which a part is served."""
    if number > report.part_count:
        return ()
    data = b"".join(report.part(number).read())
    return data, packed(data)


def rows_of(data: bytes) -> int:
    """Return what Python's csv module counts below the header."""
    plain = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    return sum(1 for row in csv.reader(io.StringIO(plain.decode(), newline="")) if row) - 1


def check_error(error: Exception | None, missing: set[str], sandbox: HostileSandbox) -> None:
    """What is not landed is named with its reason, unless the run as a whole came to nothing."""
    if error is None:
        assert missing <= sandbox._withdrawn
        return
    assert_clean("".join(traceback.format_exception(error)))
    if " could not be landed" in str(error):
        unnamed = "no usable report_id" in str(error)  # an entry that has lost its id
        assert unnamed or all(name in str(error) for name in missing - sandbox._withdrawn)
    else:
        assert "GET http" in str(error) or sandbox.base_url in str(error)


def check_requests(sandbox: HostileSandbox, logged: list[str]) -> None:
    """No fault leads to a storm; nor does a busy machine, to those who wait but a moment."""
    parts = sum(len(each["contents"]) for each in sandbox.reports)
    enough = 2 * len(sandbox.reports) + parts + 2
    made = len(sandbox.exchanges) + len(sandbox.requests_elsewhere)
    met = Counter(name for name, _ in sandbox.inflicted)
    late = sum("sent nothing in time" in line for line in logged)
    assert made <= enough + REQUESTS_PER_FAULT * len(sandbox.inflicted) + late, met
