"""The second part: as users meet it, with TLS, latency on both sides, and nothing tuned.

An engineer's loop of ``requests`` and boto3 is what there would be without this provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import checks
from benchmarks.cases import Case, Entry
from benchmarks.content import Content, make
from benchmarks.goals import Figure, Ratio
from benchmarks.server import Listing

_KB, _MB = 1000, 1000**2
#: Seconds before each answer.
API_LATENCY, BUCKET_LATENCY = 0.040, 0.030
#: A day has ten reports, and a run looks back over a week.
_SERIES, _DAYS = 10, 7
_MEMORY = "memory beyond imports, MiB"
_REQUESTS = ("API requests", "connections", "S3 requests")
_OURS = Entry("ours", "provider", more={"whole task": True})
_GOOGLE = replace(
    _OURS,
    label="ours, on Google",
    function="land_on_google",
    needs="apache-airflow-providers-google",
)
_AZURE = replace(
    _OURS,
    label="ours, on Azure",
    function="land_on_azure",
    needs="apache-airflow-providers-microsoft-azure",
)
_LOOP = Entry("loop, 16 threads", "requests_boto3", at_a_time=16)
_LOOP_4 = Entry("loop, 4 threads", "requests_boto3", at_a_time=4)
_RCLONE = Entry("rclone, 16 transfers", "rclone", at_a_time=16)
_TO_S3_FEW = Entry("HttpToS3Operator, 1 in 100, x 100", "airflow_http", one_in=100, rounds=1)
_TO_S3 = Entry("HttpToS3Operator", "airflow_http", rounds=1)


@dataclass(frozen=True)
class Sizes:
    """How much work the cases are."""

    older: tuple[int, ...] = (0, 1_000, 10_000, 50_000)
    small: int = 2_000
    paced: int = 200
    large: tuple[int, int] = (5, 200 * _MB)
    landed: int = 11_000
    read: int = 10_000
    loaded: tuple[int, ...] = (2_000, 200)
    rounds: int = 3


QUICK = Sizes(
    older=(0, 100),
    small=40,
    paced=40,
    large=(2, 10 * _MB),
    landed=100,
    read=100,
    loaded=(20,),
    rounds=1,
)


def all_cases(sizes: Sizes, files: Path) -> list[Case]:
    """Return all cases.

    :param sizes: how much work they are.
    :param files: where the reports' files are made.
    """
    small = make(files / "small.csv", 100 * _KB)
    large = make(files / "large.csv", sizes.large[1])
    rows = make(files / "rows.csv", 100 * _KB, plain=True)
    return [
        _daily(sizes, small), *_first_landing(sizes, small, large), _nothing_new(sizes, small),
        *_downstream(sizes, small, rows),
    ]  # fmt: skip


def _daily(sizes: Sizes, file: Content) -> Case:
    listed, new = _SERIES * _DAYS, _SERIES

    def entries() -> Iterator[Entry]:
        for older in sizes.older:
            listing = Listing(
                f"daily-{older}", listed, API_LATENCY, file.path, file.rows,
                first=older, series=_SERIES,
            )  # fmt: skip
            start = str(listing.day(older))
            more = {
                "landed": older + listed - new, "new": new, "series": _SERIES, "start": start
            }  # fmt: skip
            slow = older not in (0, 10_000)
            for entry in (_OURS, replace(_LOOP, rounds=1) if slow else _LOOP):
                label = f"{entry.label}, {older:,} older"
                yield replace(entry, label=label, listing=listing, more={**entry.more, **more})

    most = sizes.older[-1]
    middle = sizes.older[-2]
    return _case(
        "daily", f"daily run: {new} new of {listed}", file, listed, tuple(entries()),
        Ratio(f"loop, 16 threads, {middle:,} older", 0.4, ours=f"ours, {middle:,} older"),
        Ratio("ours, 0 older", 1.1, ours=f"ours, {most:,} older"),
        *(
            Figure(what, limit, f"ours, {older:,} older")
            for older in sizes.older
            for what, limit in (("wall", 0.7), ("cpu", 0.5))
        ),
        check=checks.landed_new, set_up="fill_s3", rounds=sizes.rounds,
    )  # fmt: skip


def _first_landing(sizes: Sizes, small: Content, large: Content) -> Iterator[Case]:
    n, (few, size) = sizes.small, sizes.large
    on_s3 = replace(_OURS, check=checks.landed_with_receipts)
    google, azure = (
        replace(each, check=checks.landed_with_receipts, rounds=2) for each in (_GOOGLE, _AZURE)
    )
    four = replace(on_s3, label="ours, 4 at a time", at_a_time=4, rounds=1)
    yield _case(
        "first", f"first landing of {n:,} x 100 kB", small, n,
        (on_s3, _LOOP, four, replace(_LOOP_4, rounds=1), google, azure, replace(_RCLONE, rounds=1),
         _TO_S3_FEW),
        Ratio(_LOOP.label, 0.65), Figure("cpu", 6), Figure(_MEMORY, 90),
        Figure("S3 requests", 2 * n + 2 * _SERIES), Figure("wall", 24, four.label),
        *(Ratio(on_s3.label, 1.3, ours=each.label) for each in (google, azure)),
        rounds=sizes.rounds,
    )  # fmt: skip
    yield _case(
        "large", f"{few} x {size // _MB} MB", large, few,
        (on_s3, _LOOP, google, azure, _RCLONE, _TO_S3),
        Ratio(_LOOP.label, 0.95), Figure("cpu", 4.1), Figure(_MEMORY, 125),
        *(Ratio(on_s3.label, 1.3, ours=each.label) for each in (google, azure)),
        rounds=sizes.rounds,
    )  # fmt: skip
    rate, paced = 40, sizes.paced
    limited = {**_OURS.more, "connection": {"requests_per_second": rate}}
    yield _case(
        "paced", f"{paced} x 100 kB at {rate} requests a second", small, paced,
        (replace(on_s3, more=limited),),
        # One page, then the files; a twentieth may be lost.
        Figure("wall", (paced + 1) / rate / 0.95 + 0.5),
    )  # fmt: skip


def _nothing_new(sizes: Sizes, file: Content) -> Case:
    n = sizes.landed
    listing = Listing("nothing-new", n, API_LATENCY, file.path, file.rows, series=_SERIES)
    more = {"series": _SERIES}
    return _case(
        "nothing-new", f"nothing new among {n:,}", file, n,
        tuple(
            replace(each, listing=listing, more={**each.more, **more}) for each in (_OURS, _LOOP)
        ),
        Figure("wall", 2), Figure("S3 requests", 30),
        check=checks.nothing_new, set_up="fill_s3", rounds=sizes.rounds,
    )  # fmt: skip


def _downstream(sizes: Sizes, file: Content, rows: Content) -> Iterator[Case]:
    n = sizes.read
    landed = replace(_OURS, more={"series": _SERIES})
    yield _case(
        "read-back", f"landed_reports of {n:,}", file, n, (landed,), Figure("wall", 10),
        function="read_back", check=checks.all_read, set_up="fill_s3",
    )  # fmt: skip
    yield from _loads(sizes, rows)


def _loads(sizes: Sizes, file: Content) -> Iterator[Case]:
    most, few = sizes.loaded[0], sizes.loaded[-1]
    title = f"{most:,} landed reports of 100 kB, {most * file.rows:,} rows"

    def entry(base: Entry, label: str, function: str, count: int = most, **more: Any) -> Entry:
        listing = Listing(f"load-{count}", count, series=_SERIES)
        about = {**base.more, "series": _SERIES, "count": count}
        return replace(base, label=label, function=function, more=about, listing=listing, **more)

    in_duckdb, in_postgres = "load_into_duckdb", "load_into_postgres"
    yield _case(
        "load", f"{title}, from S3", file, most,
        (
            entry(_OURS, "ours, DuckDB", in_duckdb),
            entry(_OURS, "ours, PostgreSQL", in_postgres, needs="psycopg2-binary"),
            entry(_OURS, f"ours, DuckDB, {few:,} reports", in_duckdb, few),
        ),
        Figure("wall", 1.5, f"ours, DuckDB, {few:,} reports"),
        check=checks.all_loaded, set_up="fill_s3",
    )  # fmt: skip
    on_disk = replace(_OURS, more={"on disk": True})
    plain = Entry("", "plain_sql")
    dlt = Entry(
        "dlt filesystem, DuckDB, 1 in 20, x 20", "dlt_rest_api", one_in=20, rounds=1, needs="pandas"
    )
    yield _case(
        "load-disk", f"{title}, from disk", file, most,
        (
            entry(on_disk, "ours, DuckDB", in_duckdb),
            entry(plain, "one read_csv, DuckDB", in_duckdb, rounds=1),
            entry(dlt, dlt.label, in_duckdb),
            entry(on_disk, "ours, PostgreSQL", in_postgres, needs="psycopg2-binary"),
            entry(plain, "plain COPY, PostgreSQL", in_postgres),
        ),
        Figure("wall", 4.5, "ours, DuckDB"),
        Ratio("plain COPY, PostgreSQL", 2, ours="ours, PostgreSQL"),
        check=checks.all_loaded, set_up="fill_disk", rounds=sizes.rounds,
    )  # fmt: skip


def _case(
    name: str, title: str, file: Content, count: int, entries: tuple[Entry, ...], *goals: Any,
    **more: Any,
) -> Case:  # fmt: skip
    return Case(
        name, title,
        listing=Listing(name, count, API_LATENCY, file.path, file.rows, series=_SERIES),
        entries=entries, goals=goals, file=file, at_a_time=0, figures=_REQUESTS,
        at_least=more.get("rounds", 1),
        **{"function": "land_on_s3", "check": checks.whole_objects, "rounds": 1, **more},
    )  # fmt: skip
