"""The benchmark: ``python tests/benchmarks/run.py``; under ten minutes on two cores.

Each measurement runs in a process of its own, contenders take turns, every result is checked.
``results.txt``, ``results.json``, ``results.md`` and ``results.png`` go to ``.benchmark/``. With
``--at-a-distance`` it is the second part (TLS, latency, nothing tuned), with ``--growth`` the
third.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import postgres
from certificates import loopback_certificate

from benchmarks import cases_at_a_distance, cases_of_growth, measure, report, servers
from benchmarks.cases import QUICK, Case, Entry, Sizes, all_cases
from benchmarks.checks import Result
from benchmarks.job import Job

#: After so many seconds a case begins no further round: the whole is to take ten minutes.
_LONGEST = 15.0
_INTO_POSTGRES = "load_into_postgres"
_ROOT = Path(__file__).resolve().parents[2]


class Benchmark:
    """All that the measurements of one run share.

    :param api: the Reports API's side.
    :param s3: the S3 side.
    :param work: a folder, in memory where there is room.
    :param certificate: what to trust, where the servers speak TLS.
    :param shared: what all jobs have.
    """

    def __init__(
        self,
        api: servers.Running,
        s3: servers.Running,
        work: Path,
        certificate: str,
        shared: dict[str, Any],
    ) -> None:
        self._api = api
        self._s3 = s3
        self._work = work
        self._certificate = certificate
        self._shared = {**shared, "notes": str(work)}
        self._filled: set[tuple[str, str]] = set()
        self._home = measure.fresh_folder(work / "airflow")

    def measure(self, case: Case, rounds: int | None) -> dict[str, Any]:
        """Measure a case, and return what is to be said of it."""
        rows: list[dict[str, Any]] = []
        for entry in case.entries:
            function = entry.function or case.function
            why = measure.why_not(entry.contender, function, *filter(None, [entry.needs]))
            if function == _INTO_POSTGRES and "postgres" not in self._shared:
                why = "not installed: PostgreSQL"
            rows.append({"label": entry.label, "not": why, "rounds": [], "failed": None})
        self._s3.ask("reset", **({"file": case.file.path} if case.file else {}))
        if case.file and case.function == "land_on_disk":
            measure.warm_memory(case.file.bytes * case.listing.count, self._work)
        begun = time.monotonic()
        for number in range(rounds or case.rounds):
            late = time.monotonic() - begun > _LONGEST
            if late and not rounds and number >= case.at_least:
                break
            for entry, row in zip(case.entries, rows, strict=True):
                if row["not"] or row["failed"] or number >= entry.rounds:
                    continue
                try:
                    row["rounds"].append(self._once(case, entry))
                except measure.Failed as error:
                    row["failed"] = str(error)
                    print(f"{case.name}, {entry.label}: {error}", file=sys.stderr)
            taken = ", ".join(
                f"{row['label']} {row['rounds'][-1]['wall']:.2f}" for row in rows if row["rounds"]
            )
            print(f"{case.name}, round {number + 1}, seconds: {taken}", file=sys.stderr)
        return report.of_case(case, rows)

    def _set_up(self, case: Case, entry: Entry) -> None:
        """Have the world as a measurement needs it: empty, or filled once for all rounds."""
        if case.set_up is None:
            self._s3.ask("reset", **({"file": case.file.path} if case.file else {}))
            return
        if (case.name, entry.label) not in self._filled:
            self._filled.add((case.name, entry.label))
            measure.run(
                entry.contender, case.set_up, self._job(case, entry), self._home, self._certificate
            )
        self._s3.ask("rewind")

    def _once(self, case: Case, entry: Entry) -> dict[str, Any]:
        self._set_up(case, entry)
        job = self._job(case, entry)
        api, s3 = self._api.ask("counters"), self._s3.ask("counters")
        taken = measure.run(
            entry.contender, entry.function or case.function, job, self._home, self._certificate
        )
        api_after, s3_after = self._api.ask("counters"), self._s3.ask("counters")
        check = entry.check or case.check
        wrong = check(Result(job, taken["facts"], self._s3.ask("found")))
        if wrong:
            raise measure.Failed(wrong)
        before, after = s3.pop("operations"), s3_after.pop("operations")
        # Asking for the counters is a connection, too.
        taken["facts"] |= {
            "API requests": api_after["requests"] - api["requests"],
            "connections": api_after["connections"] - api["connections"] - 1,
            "S3 requests": s3_after["requests"] - s3["requests"],
            "S3 operations": {k: n - before.get(k, 0) for k, n in after.items()},
        }
        taken["wall"], taken["cpu"] = taken["wall"] * entry.one_in, taken["cpu"] * entry.one_in
        taken["servers"] = api_after["cpu"] - api["cpu"] + s3_after["cpu"] - s3["cpu"]
        return taken

    def _job(self, case: Case, entry: Entry) -> Job:
        listing = entry.listing or case.listing
        return Job(
            base_url=f"{self._api.origin}/{listing.name}/",
            count=entry.more.get("count", listing.count) // entry.one_in,
            folder=str(measure.fresh_folder(self._work / "landed")),
            s3=self._s3.origin,
            file=case.file.to_dict() if case.file else {},
            at_a_time=0 if entry.more.get("untuned") else entry.at_a_time or case.at_a_time,
            page_size=entry.page_size,
            more={**entry.more, **self._shared},
        )


def main() -> int:
    """Measure, and say what came out; the exit code tells whether every result was right."""
    given = _arguments()
    _refuse_what_distorts()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is in memory is removed then, too
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=_memory()) as folder:
        work = Path(folder)
        latency, certificate = 0.0, ""
        if given.growth:
            sizes = cases_of_growth.QUICK if given.quick else cases_of_growth.SIZES
            every = [*cases_of_growth.all_cases(sizes, work)]
        elif given.at_a_distance:
            distant = cases_at_a_distance
            every = distant.all_cases(distant.QUICK if given.quick else distant.Sizes(), work)
            latency, certificate = distant.BUCKET_LATENCY, loopback_certificate(work / "tls.pem")
        else:
            every = all_cases(QUICK if given.quick else Sizes(), work, plain=given.plain)
        cases = _chosen(every, given.only)
        listings = {each.name: each for case in cases for each in case.listings()}
        with ExitStack() as stack:
            api = stack.enter_context(servers.reports_api(listings.values(), certificate))
            s3 = stack.enter_context(servers.s3(latency, certificate))
            shared: dict[str, Any] = {}
            if _ask_postgres(cases) and postgres.programs():
                shared["postgres"] = stack.enter_context(postgres.postgres()).connection
            benchmark = Benchmark(api, s3, work, certificate, shared)
            rounds = 1 if given.quick and not given.rounds else given.rounds
            measured: list[dict[str, Any]] = []
            for case in cases:
                measured.append(benchmark.measure(case, rounds))
                seconds = time.monotonic() - begun
                # After each: a run that is interrupted is not lost.
                report.write(report.of_run(measured, given.quick, seconds), given.output)
    print((given.output / "results.txt").read_text())
    # In a process of its own: what draws need not be installed, and takes much memory.
    subprocess.run(
        [sys.executable, "-m", "benchmarks.plot", given.output.resolve()],
        cwd=_ROOT / "tests", check=False,
    )  # fmt: skip
    return 1 if any(row["failed"] for case in measured for row in case["rows"]) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", metavar="CASE", help="some cases; see the table")
    parser.add_argument("--rounds", type=int, help="turns of each contender")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it work at all")
    parser.add_argument(
        "--at-a-distance", action="store_true", help="the second part: TLS, latency, defaults"
    )
    parser.add_argument("--growth", action="store_true", help="up to 100,000 reports; takes long")
    parser.add_argument("--plain", action="store_true", help="files without quoted fields")
    parser.add_argument("--output", type=Path, default=_ROOT / ".benchmark", help="folder")
    return parser.parse_args()


def _chosen(cases: list[Case], only: list[str] | None) -> list[Case]:
    unknown = set(only or ()) - {case.name for case in cases}
    if unknown:
        names = ", ".join(case.name for case in cases)
        sys.exit(f"There is no case {', '.join(sorted(unknown))}; there are: {names}.")
    return [case for case in cases if only is None or case.name in only]


def _ask_postgres(cases: list[Case]) -> bool:
    entries = (entry for case in cases for entry in case.entries)
    return any(entry.function == _INTO_POSTGRES for entry in entries)


def _refuse_what_distorts() -> None:
    if sys.platform != "linux":
        sys.exit("The benchmark runs on Linux.")
    try:
        importlib.metadata.version("niquests")
    except importlib.metadata.PackageNotFoundError:
        return
    sys.exit("niquests is installed here, and replaces urllib3: nothing of this would be true.")


def _memory() -> str | None:
    """Return a folder in memory with room for files and their copies, if there is one."""
    room = Path("/dev/shm")
    if room.is_dir() and shutil.disk_usage(room).free > 8 * 2**30 and os.access(room, os.W_OK):
        return str(room)
    return None


if __name__ == "__main__":
    sys.exit(main())
