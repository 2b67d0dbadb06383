from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import logging
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from surroundings import AIRFLOW_HOME, MASKS_SENT, TESTS, connect

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
)
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing import landed_reports
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.sandbox.server import Answer, Sandbox
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)


def run(dag_id, **conf):
    """Run a DAG of tests/dags in Airflow itself; return what its task "land" returned.

    Of a mapped one, what the first returned: Airflow 3.1 itself fails to read all of them here.
    """
    source = TESTS / "dags" / "landing.py"
    spec = importlib.util.spec_from_file_location("landing_dags", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    dag_run = getattr(module, dag_id).test(run_conf=conf)
    assert dag_run.state == "success"
    landing = next(ti for ti in dag_run.get_task_instances() if ti.task_id == "land")
    return landing.xcom_pull(task_ids="land", map_indexes=landing.map_index)


def land(destination, *, context=None, **parameters):
    operator = PlanetReportsToObjectStorageOperator(
        task_id="land", destination=destination, **parameters
    )
    return operator.execute(context or {})


def task_instance(run_id="run", try_number=1, map_index=-1):
    ti = SimpleNamespace(
        dag_id="dag", run_id=run_id, task_id="land", map_index=map_index, try_number=try_number
    )
    return {"ti": ti}


def content_requests(sandbox):
    return [path for _, path, _ in sandbox.exchanges if re.search(r"/[0-9a-f-]{36}/\d+$", path)]


def receipt_of(report):
    return ReportKey.of(Report.from_dict(report)).receipt


def receipts_in(root):
    return {path.stem for path in root.glob("_receipts/*/*/*/*/*.json")}


def assert_all_landed(sandbox, landed, files):
    """Every report is there, byte for byte, with a true receipt, and nothing else is."""
    expected = set()
    results = {result["report_id"]: result for result in landed}
    for report in sandbox.reports:
        result = results.pop(report["report_id"])
        receipt = json.loads(files[receipt_of(report)])
        expected.add(receipt_of(report))
        assert len(receipt["files"]) == len(result["files"]) == len(report["contents"])
        assert receipt["report"]["report_id"] == report["report_id"]
        for number, file in enumerate(receipt["files"], 1):
            served = sandbox.part(report["report_id"], number)
            assert files[file["name"]] == served
            assert file["bytes"] == len(served)
            assert file["sha256"] == hashlib.sha256(served).hexdigest()
            expected.add(file["name"])
        assert sum(file["rows"] for file in receipt["files"]) == report["num_rows"]
    assert results == {}
    assert set(files) == expected


def test_a_dag_in_airflow_lands_every_byte_once(ground, sandbox, airflow_db):
    landed = run("land", destination=ground.url)
    assert_all_landed(sandbox, landed, ground.visible())
    before = ground.visible()
    sandbox.exchanges.clear()
    assert run("land", destination=ground.url) == []
    assert content_requests(sandbox) == []
    assert len(sandbox.exchanges) == 1
    assert ground.visible() == before


def test_listing_and_landing_in_one_mapped_task_each(sandbox, tmp_path, airflow_db):
    run("list_and_land_mapped", destination=tmp_path.as_uri())
    wanted = {r["report_id"] for r in sandbox.reports if r["cadence"] == "daily"}
    assert receipts_in(tmp_path) == wanted


def test_the_api_key_is_in_nothing_that_a_run_leaves_behind(
    ground, sandbox, airflow_db, monkeypatch, caplog, capfd
):
    sandbox.key = "canary-0c1d2e3f4a5b"
    connect(monkeypatch, sandbox.key, sandbox.base_url)
    caplog.set_level(logging.DEBUG)
    landed = run("land", destination=ground.url)
    assert landed
    kept = {str(path): path.read_bytes() for path in AIRFLOW_HOME.rglob("*") if path.is_file()}
    output = capfd.readouterr()
    kept |= ground.visible()
    said = {"log": caplog.text, "out": output.out, "err": output.err}
    kept |= {where: MASKS_SENT.sub("", text).encode() for where, text in said.items()}
    kept["xcom"] = json.dumps(landed).encode()
    basic = base64.b64encode(f"{sandbox.key}:".encode())
    for where, data in kept.items():
        for secret in (sandbox.key.encode(), basic, basic.rstrip(b"=")):
            assert secret not in data, where


def test_the_result_is_what_the_contract_says(sandbox, tmp_path):
    report = next(r for r in sandbox.reports if r["report_type"] == "summary")
    (result,) = land(tmp_path.as_uri(), reports=report)
    served = sandbox.part(report["report_id"], 1)
    day, report_id = report["data_date_start"], report["report_id"]
    (file,) = result["files"]
    folder = f"report_type=summary/cadence=daily/plan_id=1001/data_date={day}"
    start = f"{tmp_path.as_uri()}/{folder}/{report_id}/part-00001-"
    assert re.fullmatch(re.escape(start) + r"[0-9a-f]{16}\.csv", file["uri"])
    assert result == {
        "report_id": report_id,
        "org_id": report["org_id"],
        "data_date_start": day,
        "data_date_end": report["data_date_end"],
        "report_type": "summary",
        "cadence": "daily",
        "plan_id": 1001,
        "files": [
            {
                "uri": file["uri"],
                "bytes": len(served),
                "sha256": hashlib.sha256(served).hexdigest(),
                "rows": report["num_rows"],
            }
        ],
        "receipt": f"{tmp_path.as_uri()}/_receipts/{folder}/{report_id}.json",
    }


def test_filters_narrow_what_is_landed(sandbox, tmp_path):
    landed = land(tmp_path.as_uri(), report_type="summary", cadence="daily", page_size="2")
    assert {each["report_type"] for each in landed} == {"summary"}
    assert all("page_size=2" in path for _, path, _ in sandbox.exchanges if "?" in path)


def test_a_retry_still_returns_what_an_earlier_try_landed_and_others_do_not(sandbox, tmp_path):
    first = land(tmp_path.as_uri(), context=task_instance(try_number=1))
    assert land(tmp_path.as_uri(), context=task_instance(try_number=2)) == first
    for other in (task_instance(run_id="next"), task_instance(try_number=2, map_index=1)):
        assert land(tmp_path.as_uri(), context=other) == []
    assert list(landed_reports(tmp_path.as_uri())) == first


def test_receipts_are_read_on_a_retry_only(sandbox, tmp_path, monkeypatch):
    land(tmp_path.as_uri(), context=task_instance(try_number=1))
    read = []
    plain = LocalStore.read
    monkeypatch.setattr(
        LocalStore, "read", lambda store, key: read.append(key) or plain(store, key)
    )
    land(tmp_path.as_uri(), context=task_instance(run_id="next", try_number=1))
    assert read == []
    land(tmp_path.as_uri(), context=task_instance(try_number=2))
    assert len(read) == 6


def test_nothing_new_can_skip_what_is_downstream(sandbox, tmp_path):
    land(tmp_path.as_uri(), on_nothing_new="skip")
    with pytest.raises(AirflowSkipException, match="Nothing new; landed before: 6 reports"):
        land(tmp_path.as_uri(), on_nothing_new="skip")
    assert land(tmp_path.as_uri()) == []


def test_overwrite_lands_again(sandbox, tmp_path):
    land(tmp_path.as_uri())
    some = sandbox.reports[0]
    damaged = next(tmp_path.rglob(f"{some['report_id']}/part-00001-*.csv"))
    damaged.write_bytes(b"damaged")
    assert land(tmp_path.as_uri(), reports=some) == []
    assert damaged.read_bytes() == b"damaged"
    (result,) = land(tmp_path.as_uri(), reports=some, overwrite=True)
    landed = Path(result["files"][0]["uri"].removeprefix("file://"))
    assert landed.read_bytes() == sandbox.part(some["report_id"], 1)
    assert not damaged.exists()


@pytest.mark.parametrize("given", [None, ""])
def test_reports_that_an_upstream_task_did_not_leave_are_an_error_and_not_everything(
    sandbox, tmp_path, given
):
    with pytest.raises(AirflowFailException, match="its upstream task left nothing"):
        land(tmp_path.as_uri(), reports=given)
    assert not sandbox.exchanges
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stored", [b"", b"[]", b'{"format": 1, "files": ['])
def test_a_damaged_receipt_is_a_named_failure_and_the_others_land(sandbox, tmp_path, stored):
    bad, *others = sandbox.reports
    path = tmp_path / receipt_of(bad)
    path.parent.mkdir(parents=True)
    path.write_bytes(stored)
    with pytest.raises(
        PlanetReportsTaskFailure, match=f"1 report could .* {len(others)} were"
    ) as failure:
        land(tmp_path.as_uri())
    assert f"- {bad['report_id']}: Receipt damaged: land report" in str(failure.value)
    assert receipts_in(tmp_path) == {each["report_id"] for each in sandbox.reports}
    (result,) = land(tmp_path.as_uri(), reports=bad, overwrite=True)
    assert result["report_id"] == bad["report_id"]
    assert land(tmp_path.as_uri()) == []


def test_a_report_that_is_excepted_is_neither_landed_nor_failed_for(tmp_path, monkeypatch, caplog):
    sandbox = _WithBadReports(days=3, plans=(1001,))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"max_retries": 0})
        bad = {report["report_id"] for report in sandbox.reports[1:3]}
        caplog.set_level(logging.INFO)
        landed = land(tmp_path.as_uri(), except_reports=[*bad])
        assert land(tmp_path.as_uri(), except_reports=", ".join(bad)) == []
    assert len(landed) == len(sandbox.reports) - 2
    assert receipts_in(tmp_path) == {each["report_id"] for each in landed}
    assert not content_requests(sandbox) or bad.isdisjoint(content_requests(sandbox))


def test_two_reports_under_one_id_are_two(sandbox, tmp_path):
    report = sandbox.reports[0]
    twins = [report, {**report, "plan_id": 7}, {**report, "data_date_start": "2026-01-01"}]
    for number, twin in enumerate(twins, 1):
        (result,) = land(tmp_path.as_uri(), reports=twin)
        assert result["plan_id"] == twin["plan_id"]
        assert len([*landed_reports(tmp_path.as_uri())]) == number
    assert land(tmp_path.as_uri(), reports=twins) == []


def test_what_only_decorates_fails_no_task_whose_reports_are_landed(
    sandbox, tmp_path, monkeypatch, caplog
):
    def fail(*_, **__):
        raise RuntimeError("out of order")

    module = "airflow_provider_planet_reports.transfers.planet_reports_to_object_storage"
    monkeypatch.setattr(f"{module}.LandingPlaceLink.leave", fail)
    monkeypatch.setattr(f"{module}.LandingLineage", fail)
    assert len(land(tmp_path.as_uri())) == 6
    assert caplog.text.count("out of order") == 2


class _WithBadReports(Sandbox):
    """One report is gone, another always ends in trouble."""

    def answer(self, request):
        gone, broken = (report["report_id"] for report in self.reports[1:3])
        if gone in request.path:
            return Answer(404, {"message": "There is no such report any more."})
        if f"{broken}/" in request.path:
            return Answer(500, {"message": "Out of order."})
        return super().answer(request)


@pytest.mark.parametrize("retries_may_help", [True, False])
def test_a_bad_report_does_not_stop_the_others(tmp_path, monkeypatch, retries_may_help):
    sandbox = _WithBadReports(days=3, plans=(1001,))
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url, extra={"max_retries": 0})
        reports = sandbox.reports
        gone, broken = (report["report_id"] for report in reports[1:3])
        bad = {gone, broken} if retries_may_help else {gone}
        asked = [r for r in reports if r["report_id"] not in {gone, broken} - bad]
        kind = PlanetReportsTaskError if retries_may_help else PlanetReportsTaskFailure
        with pytest.raises(kind, match=f"{len(bad)} reports? could not be landed") as caught:
            land(tmp_path.as_uri(), reports=asked)
    message = str(caught.value)
    assert f"- {gone}: Not found (404)" in message
    assert (f"- {broken}: Server error (500)" in message) == retries_may_help
    assert receipts_in(tmp_path) == {r["report_id"] for r in asked} - bad
    visible = {p.parent.name for p in tmp_path.rglob("part-*")}
    assert visible == receipts_in(tmp_path)


@pytest.mark.parametrize(
    "report_id", ["../../x", "a/b", "Größe ☃", "_hidden", ".", "..", "x" * 200]
)
def test_every_id_lands_inside_the_destination(sandbox, ground, report_id, tmp_path):
    report = {**sandbox.reports[0], "report_id": report_id, "_links": {}}
    (result,) = land(ground.url, reports=[report])
    assert result["report_id"] == report_id
    files = ground.visible()
    assert len(files) == len(report["contents"]) + 1
    assert {key.split("/")[0] for key in files} == {
        "_receipts",
        f"report_type={report['report_type']}",
    }
    assert all(".." not in key.split("/") for key in files)
    assert land(ground.url, reports=[report]) == []


def test_an_id_that_is_too_long_fails_alone_and_by_name(sandbox, tmp_path):
    good, report = sandbox.reports[:2]
    with pytest.raises(AirflowFailException, match=r"its names are too long\. At most 250"):
        land(tmp_path.as_uri(), reports=[{**report, "report_id": "x" * 300}, good])
    assert receipts_in(tmp_path) == {good["report_id"]}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"reports": "[{'report_id': 'a'}]"}, r"reports is a str: it must be the list of dicts"),
        ({"reports": 7}, "reports is a int"),
        ({"reports": ["a"]}, r"reports\[0\] is a str: it must be a dict"),
        ({"reports": [{"report_id": ""}]}, r"reports\[0\]: A report has no usable report_id"),
        ({"reports": [{"contents": []}]}, r"reports\[0\]: A report has no usable report_id"),
        ({"report_type": "both"}, "report_type='both' is not allowed"),
        ({"destination": "reports"}, "destination has no scheme: write a URL"),
        ({"destination": "ftp://host/x"}, "unknown scheme 'ftp': write a URL"),
        ({"destination": "s3://"}, "names no bucket"),
        ({"destination": "s3://AKIA:secret@bucket/x"}, "has credentials in its URL"),
        ({"destination": 7}, "must be an ObjectStoragePath or its URL"),
        ({"row_count_check": "maybe"}, "row_count_check='maybe' is not allowed"),
        ({"on_nothing_new": "fail"}, "on_nothing_new='fail' is not allowed"),
        ({"max_workers": 0}, "max_workers=0 is not allowed"),
    ],
)
def test_bad_input_fails_before_any_request_and_lands_nothing(
    sandbox, tmp_path, parameters, message
):
    with pytest.raises(AirflowFailException, match=message) as caught:
        land(**{"destination": tmp_path.as_uri(), **parameters})
    assert "secret" not in str(caught.value)
    assert not sandbox.exchanges
    assert list(tmp_path.iterdir()) == []


class _NoListing(Sandbox):
    page: object = None

    def answer(self, request):
        if isinstance(self.page, bytes):
            return Answer(200, iter([self.page]), {"Content-Length": str(len(self.page))})
        return Answer(200, self.page)


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (b"<html><title>Sign in</title></html>", "not JSON"),
        ({"items": []}, r"is not a listing of reports: .* got \['items'\]"),
        (b"[1, 2]", "got 'list'"),
    ],
)
def test_an_answer_that_is_no_listing_is_told_from_one(tmp_path, monkeypatch, page, message):
    sandbox = _NoListing(days=1)
    sandbox.page = page
    with sandbox.serve():
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        with pytest.raises(PlanetReportsTaskError, match=message) as caught:
            land(tmp_path.as_uri())
    assert sandbox.base_url in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_entry_of_the_listing_that_is_no_report_fails_by_name_and_the_others_land(
    sandbox, tmp_path, monkeypatch
):
    plain = type(sandbox).answer

    def answer(self, request):
        answered = plain(self, request)
        if "reports" in (answered.body if isinstance(answered.body, dict) else {}):
            answered.body["reports"][1] = {"contents": []}
        return answered

    monkeypatch.setattr(type(sandbox), "answer", answer)
    with pytest.raises(PlanetReportsTaskError, match=r"1 report could .*, 5 were:") as failure:
        land(tmp_path.as_uri())
    assert "reports[1]" in str(failure.value)
    assert len(receipts_in(tmp_path)) == 5


@pytest.mark.slow
def test_ten_thousand_landed_reports_cost_one_listing_per_series(monkeypatch, tmp_path: Path):
    sandbox = Sandbox(days=2500, plans=(1, 2))
    with sandbox.serve():
        for report in sandbox.reports:
            path = tmp_path / receipt_of(report)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * 200)
        connect(monkeypatch, sandbox.key, sandbox.base_url)
        listed = []
        plain = LandingZone._listed
        monkeypatch.setattr(
            LandingZone,
            "_listed",
            lambda zone, root, series: listed.extend(series) or plain(zone, root, series),
        )
        assert land(tmp_path.as_uri()) == []
    assert len(sandbox.reports) > 10_000
    assert len(sandbox.exchanges) == -(-len(sandbox.reports) // 1000)
    series = {(r["report_type"], r["cadence"], r["plan_id"]) for r in sandbox.reports}
    assert len(listed) == len(series)


@pytest.mark.parametrize(
    ("executor", "folder", "warns"),
    [
        ("CeleryExecutor", "home/planet_reports", True),
        ("LocalExecutor", "home/planet_reports", False),
        ("CeleryExecutor", "shared/planet_reports", False),
    ],
)
def test_files_on_one_workers_own_disk_are_warned_of(
    sandbox, tmp_path, monkeypatch, caplog, executor, folder, warns
):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    PlanetReportsToObjectStorageOperator(
        task_id="land", destination=(tmp_path / folder).as_uri()
    ).execute({})
    assert ("Other workers cannot read what is landed" in caplog.text) == warns
