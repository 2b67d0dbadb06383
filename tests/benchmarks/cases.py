"""What is measured, against whom, and what is to be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks import checks
from benchmarks.content import Content, make
from benchmarks.goals import Figure, Goal, Ratio
from benchmarks.server import Listing

_KB, _MIB, _GIB = 1000, 2**20, 2**30


@dataclass(frozen=True)
class Entry:
    """A contender in a case.

    :param label: its name in the table.
    :param contender: its module.
    :param function: what it does; what the case says by default.
    :param page_size: reports a page; None where it may choose.
    :param listing: what it lists; what the case says by default.
    :param more: what only this job has.
    :param check: tells what is wrong with a result; what the case says by default.
    :param at_a_time: downloads at a time; what the case says by default.
    :param one_in: does so many of the reports only, and the figures are multiplied.
    :param rounds: it takes part in these at most.
    :param needs: a distribution without which this is nothing.
    """

    label: str
    contender: str
    function: str = ""
    page_size: int | None = None
    listing: Listing | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    check: checks.Check | None = None
    at_a_time: int | None = None
    one_in: int = 1
    needs: str = ""
    rounds: int = 100


@dataclass(frozen=True)
class Case:
    """Contenders that do the same.

    :param name: for ``--only``.
    :param title: for people.
    :param function: what the contenders do.
    :param listing: what they list.
    :param entries: the contenders.
    :param check: tells what is wrong with a result.
    :param goals: what is to be reached.
    :param file: what is behind the reports' links.
    :param at_a_time: downloads at a time; 0 for each contender's own default.
    :param rounds: how often each takes its turn.
    :param at_least: so often even where that takes long: what is over at once varies most.
    :param set_up: what each contender does once before.
    :param figures: facts to show beside the usual figures.
    """

    name: str
    title: str
    function: str
    listing: Listing
    entries: tuple[Entry, ...]
    check: checks.Check
    goals: tuple[Goal, ...] = ()
    file: Content | None = None
    at_a_time: int = 4
    rounds: int = 3
    at_least: int = 1
    set_up: str | None = None
    figures: tuple[str, ...] = ()

    def listings(self) -> Iterator[Listing]:
        """Yield all listings that the server must have."""
        yield self.listing
        yield from (entry.listing for entry in self.entries if entry.listing)


@dataclass(frozen=True)
class Sizes:
    """How much work the cases are."""

    reports: int = 10_000
    large: int = 2 * _GIB
    middle: tuple[int, int] = (50, 20 * _MIB)
    small: tuple[int, int] = (2000, 100 * _KB)
    triggers: tuple[int, ...] = (100, 1000, 5000)
    seconds: float = 11.0
    imports: int = 3
    refused: float = 4.0


QUICK = Sizes(
    reports=200,
    large=20 * _MIB,
    middle=(5, 2 * _MIB),
    small=(20, 100 * _KB),
    triggers=(10, 20),
    seconds=1.5,
    imports=2,
    refused=2.0,
)

#: Who lists.
_OURS = Entry("ours", "provider", page_size=50)
_FREE = Entry("ours, page size free", "provider")
_ALONE = Entry("our client alone", "client_alone", page_size=50)
_LOOP = Entry("requests.Session loop", "requests_loop", page_size=50)
_DLT = Entry("dlt rest_api, iterated", "dlt_rest_api", page_size=50, rounds=1)
_DLT_FILES = Entry(
    "dlt rest_api → filesystem",
    "dlt_rest_api",
    "list_into_files",
    50,
    check=checks.loaded_ids,
    rounds=1,
)
_HTTP = Entry("HttpOperator", "airflow_http", page_size=50, rounds=1)
#: Who lands.
_LAND = Entry("ours", "provider", check=checks.landed_with_receipts)
_LAND_ONE = replace(_LAND, label="ours, one at a time", at_a_time=1)
_LAND_UNTUNED = replace(_LAND, label="ours, default settings", more={"untuned": True})
_ON_GOOGLE = replace(
    _LAND,
    label="ours, on Google",
    function="land_on_google",
    needs="apache-airflow-providers-google",
)
_CURL, _CURL_MANY = Entry("curl -o", "curl"), Entry("curl -Z", "curl")
_RCLONE = Entry("rclone copyurl", "rclone")
_CHUNKS = Entry("requests, 8 KiB chunks", "requests_loop", rounds=1)
_THREADS = Entry("requests, 8 KiB chunks, threads", "requests_loop", rounds=1)
_BARE = Entry("requests.Session loop", "requests_loop", more={"bare": True})
_WHOLE = Entry("requests, .content", "requests_content", rounds=1)
_BOTO3 = Entry("boto3 upload_fileobj", "boto3_upload")
_TO_S3 = Entry("HttpToS3Operator", "airflow_http", rounds=2)
#: It makes a session with AWS for each file, which takes a quarter of a second.
_TO_S3_SOME = Entry("HttpToS3Operator, 1 in 5, x 5", "airflow_http", one_in=5)
_TO_S3_FEW = Entry("HttpToS3Operator, 1 in 100, x 100", "airflow_http", one_in=100, rounds=1)
_MEMORY = "memory beyond imports, MiB"


def all_cases(sizes: Sizes, files: Path, *, plain: bool) -> list[Case]:
    """Return all cases.

    :param sizes: how much work they are.
    :param files: where the reports' files are made.
    :param plain: whether these have no quoted fields.
    """
    listed = [*_listing(sizes)]
    landed = [*_landing(sizes, files, plain=plain)]
    return [*listed, *landed, *_again(sizes, files), *_waiting(sizes)]


def _listing(sizes: Sizes) -> Iterator[Case]:
    n = sizes.reports
    yield Case(
        "list", f"list {n:,} reports, {n // 50} x 50, no latency", "list_reports",
        Listing("list", n),
        (_OURS, _LOOP, _ALONE, replace(_FREE, rounds=1), _DLT, _HTTP, _DLT_FILES),
        checks.right_ids, rounds=5, at_least=3, goals=(
            Ratio(_LOOP.label, 1.25),
            Ratio(_DLT.label, 1 / 4),
            Ratio(_HTTP.label, 1 / 7),
            Ratio(_HTTP.label, 1.2, "peak"),
            Ratio(_LOOP.label, 1.2, "peak", _ALONE.label),
        ),
    )  # fmt: skip
    yield Case(
        "list-20ms", f"list {n:,} reports, 20 ms latency", "list_reports",
        Listing("list-20ms", n, 0.020),
        (_FREE, _LOOP),
        checks.right_ids,
        (Ratio(_LOOP.label, 0.2, ours=_FREE.label),),
        rounds=1,
    )  # fmt: skip
    yield Case(
        "list-80ms", f"list {n:,} reports, 80 ms latency", "list_reports",
        Listing("list-80ms", n, 0.080),
        (_FREE, _LOOP),
        checks.right_ids,
        (Ratio(_LOOP.label, 0.2, ours=_FREE.label),),
        rounds=1,
    )  # fmt: skip


def _landing(sizes: Sizes, files: Path, *, plain: bool) -> Iterator[Case]:
    many, size = sizes.middle
    more, less = sizes.small
    large = make(files / "large.csv", sizes.large, plain=plain)
    middle = make(files / "middle.csv", size, plain=plain)
    small = make(files / "small.csv", less, plain=plain)

    def case(
        name: str, title: str, content: Content, count: int, entries: tuple[Entry, ...],
        *goals: Goal, on_s3: bool = False, latency: float = 0.0, at_a_time: int = 4,
        rounds: int = 3,
    ) -> Case:  # fmt: skip
        return Case(
            name, title, "land_on_s3" if on_s3 else "land_on_disk",
            Listing(name, count, latency, content.path, content.rows), entries,
            checks.whole_objects if on_s3 else checks.whole_files,
            goals, content, at_a_time, rounds,
            figures=("S3 requests",) if on_s3 else ("connections",),
        )  # fmt: skip

    one, fifty, thousands = (
        f"1 x {_size(sizes.large)}", f"{many} x {_size(size)}", f"{more:,} x {less // _KB} kB"
    )  # fmt: skip
    dlt = replace(_DLT, label="dlt")
    yield case(
        "disk-large", f"{one} to disk", large, 1,
        (_LAND, _CURL, _CHUNKS, _WHOLE, _RCLONE, _TO_S3, dlt),
        Ratio(_CURL.label, 1.6), Figure(_MEMORY, 150),
    )  # fmt: skip
    yield case(
        "disk-middle", f"{fifty} to disk, 4 at a time", middle, many,
        (_LAND, _CURL_MANY, _THREADS, _RCLONE),
        Ratio(_CURL_MANY.label, 1.1),
    )  # fmt: skip
    yield case(
        "disk-small", f"{thousands} to disk, 4 at a time", small, more,
        (_LAND, _LAND_ONE, _LAND_UNTUNED, _CURL_MANY, _BARE, _RCLONE),
        Ratio(_LAND_ONE.label, 1, ours=_LAND_UNTUNED.label), Figure("connections", 5),
    )  # fmt: skip
    yield case(
        "disk-small-20ms", f"{thousands} to disk, 20 ms latency, 16 at a time", small, more,
        (_LAND, _CURL_MANY, _THREADS, _RCLONE),
        Ratio(_CURL_MANY.label, 1.5), Figure("connections", 17),
        latency=0.020, at_a_time=16,
    )  # fmt: skip
    yield case(
        "s3-large", f"{one} to S3", large, 1,
        (_LAND, _BOTO3, _RCLONE, _TO_S3, _CURL),
        Ratio(_BOTO3.label, 0.9), Ratio(_TO_S3.label, 1 / 4), Figure(_MEMORY, 150),
        on_s3=True,
    )  # fmt: skip
    yield case(
        "s3-middle", f"{fifty} to S3, 4 at a time", middle, many,
        (_LAND, _BOTO3, _RCLONE, _TO_S3_SOME),
        Ratio(_BOTO3.label, 1), Ratio(_TO_S3_SOME.label, 1 / 8), Figure(_MEMORY, 250),
        on_s3=True,
    )  # fmt: skip
    yield case(
        "google-middle", f"{fifty} to Google Cloud Storage, 4 at a time", middle, many,
        (_ON_GOOGLE, replace(_LAND, label="ours, on S3")),
        Ratio("ours, on S3", 1.25, ours=_ON_GOOGLE.label),
        Figure(_MEMORY, 250, _ON_GOOGLE.label),
        on_s3=True,
    )  # fmt: skip
    yield case(
        "s3-small", f"{thousands} to S3, 4 at a time", small, more,
        (_LAND, _BOTO3, _RCLONE, _TO_S3_FEW),
        on_s3=True,
    )  # fmt: skip


def _again(sizes: Sizes, files: Path) -> Iterator[Case]:
    tiny = make(files / "tiny.csv", _KB)
    n = sizes.reports
    yield Case(
        "re-check", f"{n:,} reports, all landed on S3 before", "land_on_s3",
        Listing("re-check", n, path=tiny.path, rows=tiny.rows),
        (Entry("ours", "provider"),),
        checks.nothing_new,
        (Figure("S3 requests", 12), Figure("cpu", 1.5)),
        tiny,
        set_up="fill_s3",
        figures=("S3 requests",),
        rounds=2,
    )  # fmt: skip
    yield Case(
        "import", "import of the operators, over Airflow's base classes", "import_operators",
        Listing("import", 0),
        (Entry("ours", "provider"),),
        checks.nothing,
        (Figure("wall", 0.015),),
        rounds=sizes.imports,
        figures=("modules",),
    )  # fmt: skip


def _waiting(sizes: Sizes) -> Iterator[Case]:
    many = sizes.triggers
    entries = tuple(
        Entry(
            f"{count:,} triggers", "waiting",
            listing=Listing(f"waiting-{count}", 0),
            more={
                "count": count, "interval": 60 if count > 1000 else 10, "seconds": sizes.seconds
            },
        )
        for count in many
    )  # fmt: skip
    shown = (
        "late by at most, ms", "late by, p99, ms", "full garbage collection, ms", "cores",
        "bytes each", "API requests",
    )  # fmt: skip
    middle, most = f"{many[-2]:,} triggers", f"{many[-1]:,} triggers"
    yield Case(
        "waiting", "triggers waiting in one event loop, each looking every 10 s (5,000: 60 s)",
        "triggers", Listing("waiting", 0), entries, checks.nothing,
        (
            Figure("late by at most, ms", 50, middle),
            Figure("cores", 1, most),
            Figure("bytes each", 20_000, most),
        ),
        figures=shown, rounds=1,
    )  # fmt: skip
    refusals = tuple(
        Entry(
            f"{status}s", "waiting", listing=Listing(f"refused-{status}", 0, status=status),
            more={"seconds": sizes.refused},
        )
        for status in (401, 503)
    )  # fmt: skip
    yield Case(
        "refused", f"a trigger and a watcher of 1 s, refused for {sizes.refused:.0f} s", "refused",
        Listing("refused", 0), refusals, checks.nothing, figures=("API requests",), rounds=1,
    )  # fmt: skip


def _size(size: int) -> str:
    return f"{size // _GIB} GiB" if size >= _GIB else f"{size // _MIB} MiB"
