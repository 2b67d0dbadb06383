"""Whatever becomes of landing processes: no receipt is ever untrue, and the next run completes.

The processes are real, and so are their deaths, the API's server and every store's. The stores
are looked into through clients that share nothing with what is tested.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from grounds import Ground
from landing_process import LandingProcess
from made_reports import Made, made
from surroundings import connect

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.client.transport.session import ReportsSession
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.run import LandingRun
from airflow_provider_planet_reports.landing.stores.interface import Store, Writer
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.server import PATH, Answer, Request

#: How often a process is killed on each store. The long form is PLANET_REPORTS_KILLS=200.
KILLS = int(os.environ.get("PLANET_REPORTS_KILLS", "4"))
#: In each meeting of six processes, three are killed.
MEETINGS = max(KILLS // 3, 1)
MIB = 2**20

#: Small, in parts, larger than a block of 8 MiB, and in many parts.
FIRST = (made("a"), made("b", 3), made("c", 1, 9 * MIB), made("d", 18))
#: The same reports as they are later on: all files differ, some have one part more or fewer.
SECOND = tuple(
    replace(report, edition=1, parts=report.parts + {"a": 1, "d": -1}.get(report.name, 0))
    for report in FIRST
)


class Publisher(Sandbox):
    """Publishes these reports.

    It may stop talking before the last bytes of some parts, and it may compress on the fly, so
    that the bytes of no two downloads are the same.
    """

    def __init__(self, reports: tuple[Made, ...] = FIRST) -> None:
        super().__init__(days=0)
        self.publish(*reports)
        self.compresses = False
        self._downloads = itertools.count()
        self.silent_about: set[str] = set()
        self._silences = threading.Semaphore(0)
        self._over = threading.Event()

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        name = request.path.removeprefix(f"{PATH}/")
        if name in self.silent_about:
            answer.body = self._falling_silent([*answer.body])
        elif self.compresses and "/" in name and answer.status == 200:
            data = gzip.compress(b"".join(answer.body), 1, mtime=next(self._downloads))
            answer.body = iter([data])
            answer.headers = {"Content-Type": "text/csv", "Content-Length": str(len(data))}
        return answer

    def _falling_silent(self, pieces: list[bytes]) -> Iterator[bytes]:
        yield from pieces[:-1]
        self._silences.release()
        self._over.wait(60)

    def wait_for_silence(self) -> None:
        """Wait until all parts that it is silent about have been asked for."""
        for _ in self.silent_about:
            assert self._silences.acquire(timeout=60)

    def talk(self) -> None:
        """Be silent no more."""
        self.silent_about = set()
        self._over.set()


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    publisher = Publisher()
    with publisher.serve():
        connect(
            monkeypatch, publisher.key, publisher.base_url, extra={"timeout": 2, "max_retries": 2}
        )
        yield publisher
        publisher.talk()


def land(ground: Ground, **how: Any) -> float:
    """Land as a process that nobody disturbs, and return how many seconds that took."""
    with LandingProcess(ground.url, **how) as process:
        started = time.monotonic()
        process.begin()
        assert process.end() == "landed"
        return time.monotonic() - started


def seen_after_a_kill(ground: Ground) -> dict[str, bytes]:
    """What readers see, though a server may still delete what a dead process had asked it to."""
    for _ in range(100):
        with suppress(Exception):  # listed, and gone before it was read; each store has its own
            return ground.visible()
    return ground.visible()


def receipts(visible: dict[str, bytes]) -> dict[str, Any]:
    """The visible receipts by report."""
    return {
        key.split("/")[-1].removesuffix(".json"): json.loads(data)
        for key, data in visible.items()
        if key.startswith("_receipts/") and key.endswith(".json")
    }


def assert_true(visible: dict[str, bytes], *editions: tuple[Made, ...]) -> None:
    """What a receipt names is there, with these bytes, and together it is one edition."""
    for name, receipt in receipts(visible).items():
        contents = []
        for file in receipt["files"]:
            assert file["name"] in visible, f"the receipt of {name} names a file that is gone"
            data = visible[file["name"]]
            assert hashlib.sha256(data).hexdigest() == file["sha256"], f"{file['name']} is torn"
            assert len(data) == file["bytes"]
            contents.append(gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data)
        whole = [each.contents for edition in editions for each in edition if each.name == name]
        assert contents in whole, f"{name} is not of one piece"


def named(visible: dict[str, bytes]) -> set[str]:
    """All that receipts name."""
    return {file["name"] for each in receipts(visible).values() for file in each["files"]}


def assert_landed(ground: Ground, edition: tuple[Made, ...]) -> None:
    """All reports of an edition are landed, and nothing else is there.

    Where a server keeps no conditions, files of unknown landings stay.
    """
    visible = ground.visible()
    assert_true(visible, edition)
    assert receipts(visible).keys() == {report.name for report in edition}
    strays = {key for key in visible if not key.startswith("_receipts/")} - named(visible)
    assert not strays or not ground.keeps_conditions


def moments(duration: float, count: int) -> list[float]:
    """Random moments, spread evenly over a run."""
    each = duration / max(count, 1)
    found = [(number + random.random()) * each for number in range(count)]
    random.shuffle(found)
    return found


def kill(ground: Ground, after: float, **how: Any) -> bool:
    """Begin to land, and be killed after some seconds; whether that was under way."""
    with LandingProcess(ground.url, **how) as process:
        process.begin()
        under_way = process.lasts(after)
        process.signal(signal.SIGKILL)
        assert process.end() in ("SIGKILL", "landed")
    return under_way


def empty(ground: Ground) -> None:
    store = ground.open()
    for entry in list(store.list("")):
        store.delete(entry.key)


@pytest.fixture
def may_leave_uploads(request: pytest.FixtureRequest) -> bool:
    """Whether uploads of the dead stay invisible on the server until it drops them."""
    return request.node.callspec.params["ground"] != "file"


def test_a_process_killed_at_any_moment_leaves_whole_reports_and_the_next_run_completes(
    ground: Ground, publisher: Publisher, may_leave_uploads: bool
) -> None:
    land(ground)
    landing = min(land(ground, overwrite=True) for _ in range(2))
    under_way = 0
    for moment in moments(landing, KILLS // 2):
        empty(ground)
        under_way += kill(ground, moment)
        assert_true(seen_after_a_kill(ground), FIRST)
        land(ground)
        assert_landed(ground, FIRST)
        assert may_leave_uploads or ground.leftovers() == []

    editions = SECOND, FIRST
    for moment in moments(landing, KILLS - KILLS // 2):
        publisher.publish(*editions[0])
        under_way += kill(ground, moment, overwrite=True)
        visible = seen_after_a_kill(ground)
        assert_true(visible, *editions)
        assert receipts(visible).keys() == {report.name for report in FIRST}
        land(ground, overwrite=True)
        assert_landed(ground, editions[0])
        assert may_leave_uploads or ground.leftovers() == []
        editions = editions[1], editions[0]
    print(f"\n{KILLS} kills, {under_way} of them under way (a run takes {landing:.2f} s)")


@pytest.mark.parametrize(
    ("number", "airflow", "told"),
    [
        (signal.SIGTERM, 3, "PlanetReportsTaskError: The run was cancelled"),
        (signal.SIGTERM, 2, "AirflowTaskTerminated: Task received SIGTERM signal"),
        (signal.SIGALRM, 3, "AirflowTaskTimeout: Timeout"),
        (signal.SIGINT, 3, "KeyboardInterrupt"),
    ],
    ids=["Airflow 3 terminates", "Airflow 2 terminates", "execution timeout", "interrupt"],
)
def test_a_process_that_is_told_to_end_takes_back_what_is_under_way(
    ground: Ground, publisher: Publisher, number: int, airflow: int, told: str
) -> None:
    # In a report of parts, behind a block of 8 MiB, and behind parts that are visible already.
    publisher.silent_about = {"b/2", "c/1", "d/18"}
    with LandingProcess(ground.url, airflow=airflow) as process:
        process.begin()
        publisher.wait_for_silence()
        process.signal(number)
        assert process.end().startswith(told)
        visible = ground.visible()
        assert_true(visible, FIRST)
        assert receipts(visible).keys() <= {"a"}
        assert {key for key in visible if not key.startswith("_receipts/")} == named(visible)
        assert ground.leftovers() == []
    publisher.talk()
    land(ground)
    assert_landed(ground, FIRST)


class Interrupted(BaseException):
    """As Airflow's task timeout: no ``Exception``."""


class Breaking:
    """A store that fails when it writes, or commits, one object.

    Writing fails behind the first block of 8 MiB.
    """

    def __init__(self, store: Store, name: str, operation: str, error: BaseException) -> None:
        self._store, self._name = store, name
        self._operation, self._error = operation, error
        self._written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def open(self, key: str) -> Writer:
        writer = self._store.open(key)
        if self._name in key:
            change = {"write": self._write, "commit": self._commit}[self._operation]
            setattr(writer, self._operation, change(writer))
        return writer

    def _write(self, writer: Writer) -> Callable[[bytes], None]:
        write = writer.write

        def fail_at_last(data: bytes) -> None:
            write(data)
            self._written += len(data)
            if self._written > 8 * MIB:
                raise self._error

        return fail_at_last

    def _commit(self, writer: Writer) -> Callable[[], None]:
        def fail() -> None:
            raise self._error

        return fail


@pytest.mark.parametrize(
    "error", [DestinationError("No room."), Interrupted()], ids=["an error", "an interrupt"]
)
@pytest.mark.parametrize(
    ("operation", "name", "report_id"),
    [("write", "/c/part-00001", "c"), ("commit", "/d/part-00018", "d")],
    ids=["writing", "committing"],
)
def test_an_error_in_the_store_takes_back_its_report_and_the_next_run_completes(
    ground: Ground, publisher: Publisher,
    operation: str, name: str, report_id: str, error: BaseException,
) -> None:  # fmt: skip
    zone = LandingZone(Breaking(ground.open(), name, operation, error))
    with ReportsSession(publisher.key, publisher.base_url) as session:
        run = LandingRun(ReportsAPI(session), zone)
        reports = map(Report.from_dict, publisher.reports)
        if isinstance(error, DestinationError):
            assert dict(run.run(reports).failures).keys() == {report_id}
        else:
            with pytest.raises(Interrupted):
                run.run(reports)
    visible = ground.visible()
    assert report_id not in receipts(visible)
    assert_true(visible, FIRST)
    assert {key for key in visible if not key.startswith("_receipts/")} == named(visible)
    assert ground.leftovers() == []
    land(ground)
    assert_landed(ground, FIRST)


class Reader:
    """Reads a landed report again and again, as a load would, while it is landed anew.

    At every look there is a receipt, and after at most three looks its files are true.
    """

    def __init__(self, ground: Ground, report: Made) -> None:
        self._store = ground.open()
        self._zone = LandingZone(self._store)
        self._key = ReportKey("summary", "daily", str(report.plan_id), "2026-11-01", report.name)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read_on, daemon=True)
        self.wrong: list[str] = []
        self.read = 0

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _read_on(self) -> None:
        while not self._over.is_set():
            try:
                if not any(self._looks_true() for _ in range(3)):
                    self.wrong.append("no true files after three looks")
                self.read += 1
            except Exception as error:
                self.wrong.append(repr(error))

    def _looks_true(self) -> bool:
        receipt = self._zone.receipt(self._key)
        assert receipt is not None, "the report is not landed while it is landed again"
        for file in receipt.files:
            try:
                data = b"".join(self._store.stream(file.name))
            except FileNotFoundError:
                return False
            assert hashlib.sha256(data).hexdigest() == file.sha256
        return True


@contextmanager
def meeting(ground: Ground, moment: float) -> Iterator[list[str]]:
    """Six processes land at the same time, half of them overwriting; three are killed.

    One by SIGKILL, one by SIGTERM as Airflow 3 does it, one as Airflow 2 does it, each at a
    random moment.
    """
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                LandingProcess(ground.url, overwrite=number % 2 == 0, airflow=2 + number % 2)
            )
            for number in range(6)
        ]
        for process in processes:
            process.begin()
        numbers = (signal.SIGKILL, signal.SIGTERM, signal.SIGTERM)
        for process, number in zip(processes, numbers, strict=False):
            process.lasts(moment * random.random())
            with suppress(ProcessLookupError):
                process.signal(number)
        yield [process.end() for process in processes]


@pytest.mark.parametrize("compresses", [False, True], ids=["equal bytes", "bytes that differ"])
def test_processes_that_land_the_same_at_the_same_time_tear_nothing_and_readers_read_on(
    ground: Ground, publisher: Publisher, compresses: bool
) -> None:
    publisher.compresses = compresses
    editions, read = (FIRST, SECOND), 0
    empty(ground)
    for moment in moments(land(ground), MEETINGS):
        editions = editions[1], editions[0]
        publisher.publish(*editions[0])
        with Reader(ground, FIRST[3]) as reader, meeting(ground, 2 * moment) as ended:
            assert ended[3:] == ["landed"] * 3, ended
        assert reader.wrong == []
        read += reader.read
        visible = seen_after_a_kill(ground)
        assert_true(visible, *editions)
        assert receipts(visible).keys() == {report.name for report in FIRST}
        land(ground, overwrite=True)
        assert_landed(ground, editions[0])
    print(f"\n{3 * MEETINGS} killed in {MEETINGS} meetings; a reader read {read} times")
