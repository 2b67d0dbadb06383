"""Landing many reports from a real HTTP server into a folder, in good and in bad times."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_reports import Made, made
from memory_store import MemoryStore
from obstore.store import MemoryStore as InMemory

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.errors import (
    InvalidAPIKey,
    InvalidResponse,
    NotFound,
    TransientError,
    TransportError,
)
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing import run as landing_run
from airflow_provider_planet_reports.landing.errors import DestinationError, RowCountMismatch
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.progress import Outcome
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.run import LandingRun
from airflow_provider_planet_reports.landing.stores.bucket import LARGE_AT_A_TIME, BucketStore
from airflow_provider_planet_reports.landing.stores.interface import Store, Writer
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.sandbox import Sandbox, http
from airflow_provider_planet_reports.sandbox.server import PATH, Answer, Request

LOGGER = landing_run.__name__


class Misbehaving(Sandbox):
    """A sandbox with reports of our choice; tests say how it answers for a part."""

    def __init__(self, *reports: Made) -> None:
        super().__init__(days=0)
        self.publish(*reports)
        self.lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        report_id, _, number = request.path.removeprefix(f"{PATH}/").partition("/")
        if number:
            return self.content(report_id, int(number), request)
        answer = super().answer(request)
        if answer.status == 200:
            self.description(report_id, answer.body)
        return answer

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        """Answer for a part."""
        return super().answer(request)

    def description(self, report_id: str, body: dict[str, Any]) -> None:
        """Change a report's description."""


def land(
    sandbox: Sandbox,
    place: Path | Store,
    reports: list[dict[str, Any]] | None = None,
    max_retries: int = 0,
    **options: Any,
) -> Outcome:
    """Land reports, by default all that the sandbox has, as a task does."""
    zone = LandingZone(LocalStore(place) if isinstance(place, Path) else place)
    with ReportsSession(sandbox.key, sandbox.base_url, max_retries=max_retries) as session:
        run = LandingRun(ReportsAPI(session), zone, **options)
        return run.run(map(Report.from_dict, sandbox.reports if reports is None else reports))


def names(root: Path, *, hidden: bool) -> list[str]:
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(
        str(path)
        for path in paths
        if path.name.startswith(".") is hidden and path.name != ".lock"  # which is never deleted
    )


def receipts_of(root: Path, report_id: str) -> list[Path]:
    return [*root.glob(f"_receipts/*/*/*/*/{report_id}.json")]


def receipt_of(root: Path, report_id: str) -> dict[str, Any]:
    (path,) = receipts_of(root, report_id)
    return json.loads(path.read_text())


def assert_landed(sandbox: Sandbox, root: Path, *report_ids: str) -> None:
    """These reports and nothing else lie there, every byte of them as the server has it."""
    expected = []
    for report_id in report_ids:
        expected += [str(path.relative_to(root)) for path in receipts_of(root, report_id)]
        for number, file in enumerate(receipt_of(root, report_id)["files"], 1):
            data = sandbox.part(report_id, number)
            expected.append(file["name"])
            assert re.search(rf"/{report_id}/part-{number:05d}-[0-9a-f]{{16}}\.csv$", file["name"])
            assert (root / file["name"]).read_bytes() == data
            assert hashlib.sha256(data).hexdigest() == file["sha256"]
            assert file["bytes"] == len(data)
        contents = next(r for r in sandbox.reports if r["report_id"] == report_id)["contents"]
        assert len(receipt_of(root, report_id)["files"]) == len(contents)
    assert names(root, hidden=False) == sorted(expected)
    assert names(root, hidden=True) == []


def ids(landed: list[Receipt]) -> set[str]:
    return {receipt.report_id for receipt in landed}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "destination"


@pytest.mark.parametrize("max_workers", [1, 4])
def test_every_byte_of_every_report_is_landed(root: Path, max_workers: int) -> None:
    sandbox = Sandbox(days=5, part_bytes=100_000)
    task = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1}
    with sandbox.serve():
        outcome = land(sandbox, root, max_workers=max_workers, landed_by=task)
        asked = [report["report_id"] for report in sandbox.reports]
        assert outcome.failures == []
        assert ids(outcome.landed) == {*asked}
        assert_landed(sandbox, root, *asked)
        assert receipt_of(root, asked[0])["landed_by"] == task
        for report in sandbox.reports:
            rows = [file["rows"] for file in receipt_of(root, report["report_id"])["files"]]
            assert sum(rows) == report["num_rows"]


def test_a_run_lists_once_and_then_puts_a_file_and_a_receipt_for_each_report() -> None:
    """What runs that died have left in the reports' folders goes with their commits."""
    store, sandbox = MemoryStore(), Sandbox(days=3, part_bytes=100_000)
    keys = [ReportKey.of(Report.from_dict(each)) for each in sandbox.reports]
    left = [f"{key.folder}part-00001-5747a7.csv" for key in keys[:2]]
    for each in left:
        store.write(each, b"of a run that died")
    with sandbox.serve():
        outcome = land(sandbox, store)
    assert outcome.failures == []
    files = [file.name for receipt in outcome.landed for file in receipt.files]
    assert store.objects.keys() == {*files, *(key.receipt for key in keys)}
    made = {operation: store.count(operation) for operation in ("list", "open", "put", "delete")}
    series = {key.series for key in keys}
    assert made == {
        "list": 2 * len(series), "open": len(files), "put": len(keys), "delete": len(left),
    }  # fmt: skip


def test_nothing_to_land_is_nothing_wrong(root: Path) -> None:
    sandbox = Misbehaving()
    with sandbox.serve():
        assert land(sandbox, root) == Outcome()
    assert list(sandbox.exchanges) == []


class WithABadPart(Misbehaving):
    """The second part of the report ``bad`` is not to be had."""

    way = ""

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        answer = super().content(report_id, number, request)
        if (report_id, number) == ("bad", 2):
            if self.way == "cut":
                answer.body = [*answer.body][:1]
                answer.headers.update({"Content-Length": "99999", "Connection": "close"})
            elif self.way == "encoded":
                answer.headers["Content-Encoding"] = "br"
            else:
                return Answer(int(self.way), {"message": "There is no such part."})
        return answer


@pytest.mark.parametrize(
    ("way", "kind"),
    [("404", NotFound), ("500", TransientError), ("encoded", InvalidResponse)],
)
def test_a_bad_report_is_named_with_the_reason_and_stops_no_other(
    root: Path, caplog: pytest.LogCaptureFixture, way: str, kind: type
) -> None:
    sandbox = WithABadPart(made("a", 2), made("bad", 3), made("c", 2), made("d"))
    sandbox.way = way
    with sandbox.serve():
        outcome = land(sandbox, root)
        assert dict(outcome.failures).keys() == {"bad"}
        assert isinstance(dict(outcome.failures)["bad"], kind)
        assert_landed(sandbox, root, "a", "c", "d")
    assert f"Report bad could not be landed: {dict(outcome.failures)['bad']}" in caplog.text
    assert f"{PATH}/bad/2" in str(dict(outcome.failures)["bad"])


def test_a_part_that_breaks_off_is_never_seen(root: Path) -> None:
    sandbox = WithABadPart(made("a"), made("bad", 2))
    sandbox.way = "cut"
    with sandbox.serve():
        outcome = land(sandbox, root)
        assert isinstance(dict(outcome.failures)["bad"], TransportError)
        assert_landed(sandbox, root, "a")


def test_an_id_that_can_be_no_name_fails_alone_and_is_not_downloaded(root: Path) -> None:
    sandbox = Misbehaving(made("x" * 300), made("a"))
    with sandbox.serve():
        outcome = land(sandbox, root)
        assert isinstance(dict(outcome.failures)["x" * 300], InvalidInput)
        assert_landed(sandbox, root, "a")
    assert not any("xxx" in path for _, path, _ in sandbox.exchanges)


class Signed(Misbehaving):
    """Content links are signed; those of the listing have expired."""

    def __init__(self, *reports: Made, refused: bool = False) -> None:
        super().__init__(*reports)
        self.described: Counter[str] = Counter()
        self._refused = refused

    def description(self, report_id: str, body: dict[str, Any]) -> None:
        with self.lock:
            self.described[report_id] += 1
        body["contents"] = [f"{link}?signature=fresh" for link in body["contents"]]

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        if self._refused or request.query.get("signature") != "fresh":
            return Answer(403, {"message": "Request has expired."})
        return super().content(report_id, number, request)


def test_expired_links_are_refreshed_once_per_report(root: Path) -> None:
    sandbox = Signed(made("a", 6), made("b"))
    with sandbox.serve():
        outcome = land(sandbox, root, max_workers=6)
        assert outcome.failures == []
        assert sandbox.described == {"a": 1, "b": 1}
        assert_landed(sandbox, root, "a", "b")
        assert "fresh" not in json.dumps(receipt_of(root, "a"))


class RefusedTogether(Signed):
    """All parts are asked for by their expired links before the first of them is refused."""

    def __init__(self, *reports: Made) -> None:
        super().__init__(*reports, refused=True)
        self._all_asked = threading.Barrier(sum(len(each["contents"]) for each in self.reports))

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        if "signature" not in request.query:
            self._all_asked.wait(timeout=60)
        return super().content(report_id, number, request)


def test_links_that_are_refused_fresh_too_are_the_reports_failure(root: Path) -> None:
    sandbox = RefusedTogether(made("a", 3), made("b"))
    with sandbox.serve():
        outcome = land(sandbox, root)
    assert dict(outcome.failures).keys() == {"a", "b"}
    assert "Request has expired" in str(dict(outcome.failures)["a"])
    assert "fresh" not in str(dict(outcome.failures)["a"])
    assert sandbox.described == {"a": 1, "b": 1}
    assert not root.exists() or names(root, hidden=True) + names(root, hidden=False) == []


class ExpiringOnTheWay(Signed):
    """The first link is good for the first half of the part, then the connection breaks."""

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        if request.query or "range" in request.headers:
            return super().content(report_id, number, request)
        answer = Misbehaving.content(self, report_id, number, request)
        data = b"".join(answer.body)
        answer.body = iter([data[: len(data) // 2]])
        answer.headers["Connection"] = "close"
        return answer


def test_a_link_that_expires_halfway_leaves_no_half_in_front_of_the_whole(root: Path) -> None:
    sandbox = ExpiringOnTheWay(made("a"))
    with sandbox.serve():
        outcome = land(sandbox, root, max_retries=1)
        assert outcome.failures == []
        assert_landed(sandbox, root, "a")
    assert [status for _, _, status in sandbox.exchanges] == [200, 403, 200, 200]


@pytest.mark.parametrize("parts_before", [1, 5], ids=["it had fewer parts", "it had more parts"])
def test_a_report_that_changed_since_the_listing_lands_as_it_is_now(
    root: Path, parts_before: int
) -> None:
    sandbox = Signed(made("a", 3), made("b"))
    with sandbox.serve():
        a, b = sandbox.reports
        link = a["contents"][0]
        older = {
            **a, "num_rows": 1, "data_date_start": "2026-10-01",
            "contents": [f"{link}?signature=expired"] * parts_before,
        }  # fmt: skip
        outcome = land(sandbox, root, [older, b], row_count_check="fail")
        assert outcome.failures == []
        assert_landed(sandbox, root, "a", "b")
        receipt = receipt_of(root, "a")
        assert receipt["report"]["num_rows"] == a["num_rows"]
        assert "data_date=2026-11-01" in receipt["files"][0]["name"]


def test_a_report_without_links_is_asked_for_them(root: Path) -> None:
    sandbox = Signed(made("a", 2))
    with sandbox.serve():
        outcome = land(sandbox, root, [{"report_id": "a"}])
        assert outcome.failures == []
        assert_landed(sandbox, root, "a")


class WithKeyWithdrawn(Misbehaving):
    """The key is refused from the third part on, for everything."""

    def __init__(self, *reports: Made) -> None:
        super().__init__(*reports)
        self.asked = 0

    def answer(self, request: Request) -> Answer:
        with self.lock:
            self.asked += 1
            if self.asked > 3:
                return Answer(401, {"message": "The API key is not valid."})
        return super().answer(request)


def test_a_key_that_is_refused_on_the_way_ends_the_run(root: Path) -> None:
    sandbox = WithKeyWithdrawn(*(made(f"r{number:02d}") for number in range(40)))
    with sandbox.serve():
        with pytest.raises(InvalidAPIKey, match="The API key is not valid"):
            land(sandbox, root, max_workers=1)
        landed = [path.stem for path in root.glob("_receipts/*/*/*/*/*.json")]
        assert len(landed) <= 3
        assert_landed(sandbox, root, *landed)
    assert len(sandbox.exchanges) == 3 + 2  # the fourth part, and its report once more


def test_a_key_that_is_refused_ends_a_run_over_reports_without_links_too(root: Path) -> None:
    sandbox = WithKeyWithdrawn(*(made(f"r{number:02d}") for number in range(40)))
    with sandbox.serve(), pytest.raises(InvalidAPIKey):
        land(sandbox, root, [{"report_id": f"r{number:02d}"} for number in range(40)])


class Full(LocalStore):
    """A folder that takes whole reports, but not those whose ids begin with ``full``."""

    def open(self, key: str) -> Any:
        if "/full" in key:
            raise DestinationError("No space left on device.")
        return super().open(key)


def test_a_destination_that_fails_for_all_reports_under_way_ends_the_run(root: Path) -> None:
    sandbox = Misbehaving(made("a"), *(made(f"full{number:02d}") for number in range(40)))
    with sandbox.serve():
        with pytest.raises(DestinationError, match="No space left on device"):
            land(sandbox, Full(root), max_workers=1)
        assert_landed(sandbox, root, "a")
    assert len(sandbox.exchanges) < 12


def test_a_destination_that_fails_now_and_then_does_not_end_the_run(root: Path) -> None:
    reports = [made(f"{'a' if number % 4 else 'full'}{number:02d}") for number in range(24)]
    sandbox = Misbehaving(*reports)
    with sandbox.serve():
        outcome = land(sandbox, Full(root), max_workers=2)
        assert len(outcome.failures) == 6
        assert_landed(sandbox, root, *ids(outcome.landed))


class Miscounting(Misbehaving):
    """Its descriptions say that there is one row more."""

    @property
    def reports(self) -> list[dict[str, Any]]:
        return [{**each, "num_rows": each["num_rows"] + 1} for each in super().reports]

    def description(self, report_id: str, body: dict[str, Any]) -> None:
        body["num_rows"] += 1


@pytest.mark.parametrize(("check", "warns"), [("ignore", False), ("warn", True)])
def test_a_report_with_another_number_of_rows_is_landed_unless_it_has_to_fail(
    root: Path, caplog: pytest.LogCaptureFixture, check: str, warns: bool
) -> None:
    sandbox = Miscounting(made("a", 2))
    with sandbox.serve():
        outcome = land(sandbox, root, row_count_check=check)
        assert outcome.failures == []
        assert_landed(sandbox, root, "a")
    told = [each.message for each in caplog.records if each.levelno == logging.WARNING]
    assert [("'a' has" in text and "num_rows=" in text) for text in told] == [True] * warns


def test_a_report_with_another_number_of_rows_is_not_landed_if_it_has_to_fail(root: Path) -> None:
    sandbox = Miscounting(made("a", 2))
    with sandbox.serve():
        outcome = land(sandbox, root, row_count_check="fail")
    assert isinstance(dict(outcome.failures)["a"], RowCountMismatch)
    assert names(root, hidden=False) + names(root, hidden=True) == []


def test_a_report_that_was_exchanged_since_it_was_listed_is_described_as_it_was_landed(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox = Misbehaving(made("a"), made("b"))
    with sandbox.serve():
        listed = [{**each, "num_rows": each["num_rows"] + 7} for each in sandbox.reports]
        outcome = land(sandbox, root, listed, row_count_check="fail")
        assert_landed(sandbox, root, "a", "b")
        assert receipt_of(root, "a")["report"] == sandbox.reports[0]
    assert outcome.failures == []
    assert not [each for each in caplog.records if each.levelno == logging.WARNING]


class Exchanging(Misbehaving):
    """The report is exchanged for its next edition whenever a part of it was asked for."""

    def __init__(self, *reports: Made, times: int) -> None:
        super().__init__(*reports)
        self._times = times

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        answer = super().content(report_id, number, request)
        if self._times:
            self._times -= 1
            report = self._reports[report_id]
            self.publish(replace(report, edition=report.edition + 1))
        return answer


@pytest.mark.parametrize("check", ["ignore", "warn", "fail"])
@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_report_exchanged_while_it_lands_is_of_one_piece_and_described_as_it_landed(
    root: Path, times: int, check: str
) -> None:
    sandbox = Exchanging(made("a", 3), times=times)
    with sandbox.serve():
        outcome = land(sandbox, root, max_workers=1, row_count_check=check)
        assert outcome.failures == []
        assert_landed(sandbox, root, "a")
        assert receipt_of(root, "a")["report"] == sandbox.reports[0]


def test_a_report_exchanged_again_and_again_is_not_landed(root: Path) -> None:
    sandbox = Exchanging(made("a", 3), times=10**6)
    with sandbox.serve():
        outcome = land(sandbox, root)
        assert "'a' changes again and again" in str(dict(outcome.failures)["a"])
    assert names(root, hidden=False) + names(root, hidden=True) == []
    assert len(sandbox.exchanges) <= 4 * (3 + 1)


def test_a_server_that_counts_rows_otherwise_is_asked_about_the_first_few_reports_only(
    root: Path,
) -> None:
    sandbox = Miscounting(*(made(f"r{number}") for number in range(20)))
    with sandbox.serve():
        land(sandbox, root, max_workers=1)
    asked = Counter(path.count("/") for _, path, _ in sandbox.exchanges)
    assert asked == {3: landing_run._ROW_QUESTIONS, 4: 20}


@pytest.mark.parametrize("num_rows", [None, "three"], ids=["missing", "not a number"])
def test_a_report_that_does_not_say_its_rows_passes_every_check(
    root: Path, num_rows: object
) -> None:
    sandbox = Misbehaving(made("a"))
    with sandbox.serve():
        reports = [{**sandbox.reports[0], "num_rows": num_rows}]
        outcome = land(sandbox, root, reports, row_count_check="fail")
    assert outcome.failures == []


class Counting(Misbehaving):
    """Answers for parts only when as many are asked for at a time as there should be."""

    def __init__(self, *reports: Made, together: int) -> None:
        super().__init__(*reports)
        self._together = threading.Barrier(together, timeout=10)
        self._now = 0
        self.most = 0

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        with self.lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._together.wait()
        time.sleep(0.05)  # one more than there should be would show up now
        with self.lock:
            self._now -= 1
        return super().content(report_id, number, request)


@pytest.mark.parametrize("max_workers", [1, 3, 6])
def test_as_many_parts_are_under_way_at_a_time_as_are_allowed_and_never_more(
    root: Path, max_workers: int
) -> None:
    # One large report and single small ones alike are spread over all workers.
    sandbox = Counting(made("a", 7), *(made(f"b{n}") for n in range(5)), together=max_workers)
    with sandbox.serve():
        outcome = land(sandbox, root, max_workers=max_workers)
        assert outcome.failures == []
        assert_landed(sandbox, root, *ids(outcome.landed))
    assert sandbox.most == max_workers


class Waiting(LocalStore):
    """A folder that makes files visible only when as many are to be made so at a time."""

    def __init__(self, root: Path, together: int) -> None:
        super().__init__(root)
        self._together = threading.Barrier(together, timeout=60)

    def open(self, key: str) -> Any:
        return (
            WaitingWriter(super().open(key), self._together)
            if "part-" in key
            else super().open(key)
        )


class WaitingWriter:
    def __init__(self, writer: Writer, together: threading.Barrier) -> None:
        self.write, self.abandon = writer.write, writer.abandon
        self._writer, self._together = writer, together

    def commit(self) -> None:
        self._together.wait()
        self._writer.commit()


def test_while_files_are_put_others_are_downloaded(root: Path) -> None:
    sandbox = Misbehaving(made("a", 2), made("b"))
    with sandbox.serve():
        assert land(sandbox, Waiting(root, together=3), max_workers=1).failures == []
        assert_landed(sandbox, root, "a", "b")


class Open(LocalStore):
    """A folder that counts the files that are open for writing at a time."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._counting = threading.Lock()
        self._writers: list[Any] = []
        self.most = 0

    def open(self, key: str) -> Any:
        writer = super().open(key)
        with self._counting:
            self._writers = [each for each in self._writers if not each._file.closed] + [writer]
            self.most = max(self.most, len(self._writers))
        return writer


def test_a_report_of_many_parts_does_not_keep_them_all_open(root: Path) -> None:
    """Each may hold a block of 8 MiB in memory, and on a disk one of 1,024 open files."""
    sandbox, store = Misbehaving(made("a", 200)), Open(root)
    with sandbox.serve():
        assert land(sandbox, store, max_workers=4).failures == []
        assert_landed(sandbox, root, "a")
    assert store.most <= 64


class BreakingOff(Misbehaving):
    """Every part ends after 2 MiB, and is longer."""

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        answer = super().content(report_id, number, request)
        answer.headers.update({"Content-Length": str(3 * 2**20), "Connection": "close"})
        return replace(answer, body=[bytes(2**20)] * 2)


def test_parts_that_fail_give_back_at_once_what_the_others_wait_for() -> None:
    """A bucket has slots for a few large objects, and the report has more parts."""
    sandbox, store = BreakingOff(made("bad", 8)), BucketStore([InMemory()], "s3://bucket/usage")
    too_late = threading.Timer(60, store.cancel)
    too_late.start()
    with sandbox.serve():
        outcome = land(sandbox, store)
    too_late.cancel()
    assert isinstance(dict(outcome.failures)["bad"], TransportError)
    assert [store.large.acquire(blocking=False) for _ in range(LARGE_AT_A_TIME)].count(False) == 0


def test_few_connections_serve_many_reports(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = []

    class CountingServer(http._Server):
        def process_request(self, request: Any, client_address: Any) -> None:
            accepted.append(client_address)
            super().process_request(request, client_address)

    monkeypatch.setattr(http, "_Server", CountingServer)
    sandbox = Misbehaving(*(made(f"r{number:02d}") for number in range(50)))
    with sandbox.serve():
        assert len(land(sandbox, root, max_workers=4).landed) == 50
    assert len(sandbox.exchanges) == 50
    assert len(accepted) <= 4 + 1


class Interrupting(Misbehaving):
    """In the middle of a part of ``b`` the process gets what Ctrl-C sends, and more bytes."""

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        answer = super().content(report_id, number, request)
        if (report_id, number) == ("b", 2):
            answer.body = self._interrupted([*answer.body])
        return answer

    def _interrupted(self, pieces: list[bytes]) -> Iterator[bytes]:
        half = len(pieces) // 2
        yield from pieces[:half]
        os.kill(os.getpid(), signal.SIGINT)
        for piece in pieces[half:]:
            time.sleep(0.5)  # a busy machine takes its time
            yield piece


def test_an_interrupt_leaves_whole_reports_and_nothing_else(root: Path) -> None:
    sandbox = Interrupting(made("a"), made("b", 3, 12 * 2**20), made("c", 2, 2**20))
    with sandbox.serve():
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            land(sandbox, root, max_workers=2)
        assert time.monotonic() - started < 20
        landed = [report_id for report_id in "abc" if receipts_of(root, report_id)]
        assert "b" not in landed
        assert_landed(sandbox, root, *landed)


class InterruptedInAPause(Misbehaving):
    """It asks for patience, and while that is had the process gets what Ctrl-C sends."""

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        if not self.exchanges:
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        return Answer(503, {"message": "Later."}, {"Retry-After": "3"})


def test_an_interrupt_does_not_wait_for_a_pause_to_end(root: Path) -> None:
    """Pauses may be of five minutes; Airflow kills a task that does not end within one."""
    sandbox = InterruptedInAPause(made("a"))
    with sandbox.serve():
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            land(sandbox, root, max_retries=1)
        assert time.monotonic() - started < 2


class Interrupted(BaseException):
    """As Airflow's task timeout: no ``Exception``."""


class Breaking(LocalStore):
    """The writer of the second part is interrupted on its third write."""

    def open(self, key: str) -> Any:
        writer = super().open(key)
        return BreakingWriter(writer) if "part-00002" in key else writer


class BreakingWriter:
    def __init__(self, writer: Writer) -> None:
        self.commit, self.abandon = writer.commit, writer.abandon
        self._writer, self._writes = writer, 0

    def write(self, data: bytes) -> None:
        self._writes += 1
        if self._writes == 3:
            raise Interrupted
        self._writer.write(data)


def test_whatever_is_raised_under_way_ends_the_run_and_leaves_nothing(root: Path) -> None:
    sandbox = Misbehaving(made("a", 4, 8 * 2**20), made("b", 4, 8 * 2**20))
    with sandbox.serve(), pytest.raises(Interrupted):
        land(sandbox, Breaking(root), max_workers=3)
    assert names(root, hidden=False) + names(root, hidden=True) == []


class Slow(Misbehaving):
    """Its part takes more than a second."""

    def content(self, report_id: str, number: int, request: Request) -> Answer:
        answer = super().content(report_id, number, request)
        answer.body = self._slowly([*answer.body])
        return answer

    def _slowly(self, pieces: list[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            time.sleep(1.1 / len(pieces))
            yield piece


def test_progress_is_told_now_and_then_and_summed_up_at_the_end(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    sandbox = Slow(made("a", 1, 10 * 2**20))
    begun = time.monotonic()
    with sandbox.serve():
        land(sandbox, root, max_workers=2, seconds_between=0.25)
    seconds = time.monotonic() - begun
    found, *progress, summary = [each.message for each in caplog.records if each.name == LOGGER]
    assert found == "Found 1 matching reports, 1 to land."
    assert 1 <= len(progress) <= seconds / 0.25
    assert all(line.startswith("Landed 0 reports: 0 files, ") for line in progress)
    assert all(line.endswith(" s; 1 left.") for line in progress)
    assert summary.startswith(
        "Landed 1 report (data of 2026-11-01 to 2026-11-01, plans 1001): 1 file, 10.0 MiB in "
    )


def test_fifty_quick_reports_do_not_make_fifty_lines(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    sandbox = WithABadPart(made("bad", 2), *(made(f"r{number:02d}") for number in range(49)))
    sandbox.way = "404"
    with sandbox.serve():
        land(sandbox, root)
    lines = [each.message for each in caplog.records if each.levelno == logging.INFO]
    assert len(lines) == 2
    assert lines[0] == "Found 50 matching reports, 50 to land."
    assert lines[1].startswith("Landed 49 reports (data of 2026-11-01 to 2026-11-01, plans 1001): ")
    assert lines[1].endswith(" s; 1 failed.")
