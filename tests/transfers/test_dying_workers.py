"""Whatever becomes of a landing process: nothing torn, nothing untrue, and the next run completes.

The processes are real, and so are their deaths, the API's server and every store's. The stores
are looked into through clients that share nothing with what is tested.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
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
from airflow_provider_planet_reports.landing.run import LandingRun
from airflow_provider_planet_reports.landing.stores.interface import Store, Writer
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.sandbox import Sandbox
from airflow_provider_planet_reports.sandbox.server import PATH, Answer, Request

#: How often a process is killed on each store. The long form is PLANET_REPORTS_KILLS=200.
KILLS = int(os.environ.get("PLANET_REPORTS_KILLS", "4"))
#: How often processes meet; each meeting is of three kinds.
MEETINGS = max(KILLS // 20, 1)
MIB = 2**20


#: Small, in parts, larger than a block of 8 MiB, and in more parts than wait for one another.
FIRST = (made("a"), made("b", 3), made("c", 1, 9 * MIB), made("d", 18))
#: The same reports as they are later on: all files differ, some have one more or fewer, and one
#: report has moved to another plan, and so to another partition.
SECOND = tuple(
    replace(
        report,
        edition=1,
        parts=report.parts + {"a": 1, "d": -1}.get(report.name, 0),
        plan_id=1002 if report.name == "b" else 1001,
    )
    for report in FIRST
)


class Publisher(Sandbox):
    """Publishes these reports, and may stop talking before the last bytes of some parts."""

    def __init__(self, reports: tuple[Made, ...] = FIRST) -> None:
        super().__init__(days=0)
        self.publish(*reports)
        self.silent_about: set[str] = set()
        self._silences = threading.Semaphore(0)
        self._over = threading.Event()

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if request.path.removeprefix(f"{PATH}/") in self.silent_about:
            answer.body = self._falling_silent([*answer.body])
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


def assert_whole(visible: dict[str, bytes], *editions: tuple[Made, ...]) -> None:
    """Every file is whole, of one of these editions, and whatever a receipt says is true."""
    allowed = [
        {k: v for report in edition for k, v in report.files.items()} for edition in editions
    ]
    for key, data in visible.items():
        if not key.startswith("_receipts/"):
            assert any(files.get(key) == data for files in allowed), (
                f"{key} is torn, or out of place"
            )
    for report_id, receipt in receipts(visible).items():
        files = {file["name"]: visible.get(file["name"]) for file in receipt["files"]}
        whole = [
            report.files for edition in editions for report in edition if report.name == report_id
        ]
        assert files in whole, f"the receipt of {report_id} is untrue"
        for file in receipt["files"]:
            data = visible[file["name"]]
            assert file["bytes"] == len(data)
            assert file["sha256"] == hashlib.sha256(data).hexdigest()


def receipts(visible: dict[str, bytes]) -> dict[str, Any]:
    """The visible receipts by report."""
    found = {key.split("/")[-1]: data for key, data in visible.items() if key.count("/") == 1}
    return {name.removesuffix(".json"): json.loads(data) for name, data in found.items()}


def assert_landed(visible: dict[str, bytes], *reports: Made) -> None:
    """These reports and nothing else are there, and each has a receipt."""
    assert_whole(visible, reports)
    expected = {key for report in reports for key in report.files}
    assert visible.keys() == expected | {f"_receipts/{report.name}.json" for report in reports}


def landed_of(visible: dict[str, bytes], *editions: tuple[Made, ...]) -> list[Made]:
    """The reports that have a receipt, of the edition that was landed."""
    plans = {name: receipt["files"] for name, receipt in receipts(visible).items()}
    return [
        report
        for edition in editions
        for report in edition
        if [file["name"] for file in plans.get(report.name, [])] == [*report.files]
        and report.files.items() <= visible.items()
    ]


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
    """Whether uploads of the dead stay: on S3 they are invisible, until a lifecycle rule acts."""
    return request.node.callspec.params["ground"].startswith(("moto", "rclone"))


def test_a_process_killed_at_any_moment_leaves_whole_files_and_the_next_run_completes(
    ground: Ground, publisher: Publisher, may_leave_uploads: bool
) -> None:
    started, under_way = time.monotonic(), 0
    land(ground)
    landing = min(land(ground, overwrite=True) for _ in range(3))
    for moment in moments(landing, KILLS // 2):
        empty(ground)
        under_way += kill(ground, moment)
        assert_whole(seen_after_a_kill(ground), FIRST)
        land(ground)
        assert_landed(ground.visible(), *FIRST)
        assert may_leave_uploads or ground.leftovers() == []

    editions = SECOND, FIRST
    for moment in moments(landing, KILLS - KILLS // 2):
        publisher.publish(*editions[0])
        under_way += kill(ground, moment, overwrite=True)
        assert_whole(seen_after_a_kill(ground), *editions)
        land(ground)  # what was begun is completed, what was not stays as it is
        visible = ground.visible()
        landed = landed_of(visible, *editions)
        assert {report.name for report in landed} == {"a", "b", "c", "d"}
        assert_landed(without_notes(visible), *landed)
        assert may_leave_uploads or ground.leftovers() == []
        editions = editions[1], editions[0]
    land(ground, overwrite=True)
    assert_landed(ground.visible(), *editions[1])

    print(
        f"\n{KILLS} kills, {under_way} of them under way (a run takes {landing:.2f} s); "
        f"{len(ground.leftovers())} unfinished uploads left; {time.monotonic() - started:.0f} s"
    )


def without_notes(visible: dict[str, bytes]) -> dict[str, bytes]:
    """What is visible but for the notes that a report is about to move."""
    return {k: v for k, v in visible.items() if not k.startswith("_receipts/_moved/")}


@pytest.mark.parametrize(
    ("number", "airflow", "told"),
    [
        (signal.SIGTERM, 3, "PlanetReportsTaskError: The task was told to stop"),
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
        assert_landed(visible, *landed_of(visible, FIRST))
        assert receipts(visible).keys() <= {"a"}
        assert ground.leftovers() == []
    publisher.talk()
    land(ground)
    assert_landed(ground.visible(), *FIRST)


class Interrupted(BaseException):
    """As Airflow's task timeout: no ``Exception``."""


class Breaking:
    """A store that fails when it writes, or completes, one object.

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
        if key.endswith(self._name):
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


@pytest.mark.parametrize("error", [OSError("no room"), Interrupted()], ids=["OSError", "other"])
@pytest.mark.parametrize(
    ("operation", "name", "report_id"),
    [("write", "/c/part-00001.csv", "c"), ("commit", "/d/part-00018.csv", "d")],
    ids=["writing", "completing"],
)
def test_an_error_in_the_store_takes_back_its_report_and_the_next_run_completes(
    ground: Ground, publisher: Publisher,
    operation: str, name: str, report_id: str, error: BaseException,
) -> None:  # fmt: skip
    zone = LandingZone(Breaking(ground.open(), name, operation, error))
    zone.landed()
    with ReportsSession(publisher.key, publisher.base_url) as session:
        run = LandingRun(ReportsAPI(session), zone)
        reports = map(Report.from_dict, publisher.reports)
        if isinstance(error, OSError):
            assert run.run(reports).failures.keys() == {report_id}
        else:
            with pytest.raises(Interrupted):
                run.run(reports)
    visible = ground.visible()
    assert report_id not in receipts(visible)
    assert_landed(visible, *landed_of(visible, FIRST))
    assert ground.leftovers() == []
    land(ground)
    assert_landed(ground.visible(), *FIRST)


def meet(ground: Ground, *, overwrite: bool, killed_after: float | None = None) -> list[str]:
    """Have three processes land at the same time, of which one may be killed."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(LandingProcess(ground.url, overwrite=overwrite)) for _ in range(3)
        ]
        for process in processes:
            process.begin()
        if killed_after is not None:
            processes[0].lasts(killed_after)
            processes[0].signal(signal.SIGKILL)
        return [process.end() for process in processes]


def test_processes_that_land_the_same_at_the_same_time_end_as_one_would(
    ground: Ground, publisher: Publisher, may_leave_uploads: bool
) -> None:
    for moment in moments(land(ground), MEETINGS):
        empty(ground)
        publisher.publish(*FIRST)
        assert meet(ground, overwrite=False) == ["landed"] * 3
        assert_landed(ground.visible(), *FIRST)
        assert ground.leftovers() == []

        publisher.publish(*SECOND)
        assert meet(ground, overwrite=True) == ["landed"] * 3
        assert_landed(ground.visible(), *SECOND)
        assert ground.leftovers() == []

        publisher.publish(*FIRST)
        assert meet(ground, overwrite=True, killed_after=moment)[1:] == ["landed"] * 2
        assert_whole(seen_after_a_kill(ground), FIRST)
        land(ground)
        assert_landed(ground.visible(), *FIRST)
        assert may_leave_uploads or ground.leftovers() == []
