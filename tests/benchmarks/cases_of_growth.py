"""Growth: what ten and a hundred times as many reports cost. It takes long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import checks
from benchmarks.cases import Case, Entry
from benchmarks.content import make
from benchmarks.goals import Exponent
from benchmarks.server import Listing

SIZES, QUICK = (1_000, 10_000, 100_000), (10, 20)
#: A day has ten reports.
_SERIES = 10


def all_cases(sizes: tuple[int, ...], files: Path) -> Iterator[Case]:
    """Yield all cases.

    :param sizes: numbers of reports.
    :param files: where the reports' file is made.
    """
    tiny = make(files / "tiny.csv", 1000, plain=True)

    def case(
        name: str, what: str, function: str, check: checks.Check, set_up: str | None = None,
        *figures: str,
    ) -> Case:  # fmt: skip
        entries = tuple(
            Entry(
                f"{count:,} reports", "provider", page_size=50 if name == "list" else None,
                listing=Listing(
                    f"{name}-{count}", count, 0, tiny.path, tiny.rows, series=_SERIES
                ),
                more={"on disk": True, "series": _SERIES},
            )
            for count in sizes
        )  # fmt: skip
        labels = {entry.label: count for entry, count in zip(entries, sizes, strict=True)}
        return Case(
            name, f"growth of {what}", function, Listing(name, 0), entries, check,
            tuple(Exponent(each, labels) for each in ("wall", "cpu", *figures)), tiny,
            at_a_time=0, set_up=set_up, figures=figures, rounds=1,
        )  # fmt: skip

    yield case("list", "listing, 50 a page", "list_reports", checks.right_ids, None, "API requests")
    yield case(
        "land", "landing 1 kB each on disk", "land_on_disk", checks.landed_with_receipts, None,
        "API requests",
    )  # fmt: skip
    yield case(
        "re-check", "finding everything landed on S3", "land_on_s3", checks.nothing_new, "fill_s3",
        "S3 requests",
    )  # fmt: skip
    yield case(
        "load", "loading 1 kB each from disk into DuckDB", "load_into_duckdb", checks.all_loaded,
        "fill_disk",
    )  # fmt: skip
