"""What became of a landing run, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt

_PLANS_SHOWN = 10


@dataclass
class Outcome:
    """What became of a run.

    :param landed: receipts of the reports that this run landed.
    :param earlier: receipts of those that an earlier try of the same task instance landed.
    :param failures: names of what could not be landed, mostly ids, and why.
    :param before: how many were landed before; ``earlier`` and damaged receipts included.
    """

    landed: dict[ReportKey, Receipt] = field(default_factory=dict)
    earlier: dict[ReportKey, Receipt] = field(default_factory=dict)
    failures: list[tuple[str, PlanetReportsError]] = field(default_factory=list)
    before: int = 0


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    :param asked: reports to land.
    :param landed: reports landed.
    :param failed: reports that could not be landed.
    :param bytes: what was downloaded.
    :param seconds: time since the beginning.
    """

    asked: int
    landed: int
    failed: int
    bytes: int
    seconds: float

    def __str__(self) -> str:
        failed = f"; {self.failed} failed" if self.failed else ""
        return (
            f"Landed {self.landed} of {self.asked} reports, {format_bytes(self.bytes)} in "
            f"{self.seconds:.0f} s ({format_bytes(self.bytes / max(self.seconds, 0.001))}/s)"
            f"{failed}; {self.asked - self.landed - self.failed} left."
        )


def summary(outcome: Outcome, seconds: float) -> str:
    """Return a line about what a run has landed: how much, of which days and plans.

    :param outcome: what became of the run.
    :param seconds: how long it took.
    """
    days = sorted(key.data_date or "no day" for key in outcome.landed)
    plans = sorted({key.plan_id or "none" for key in outcome.landed})
    shown = ", ".join([*plans[:_PLANS_SHOWN], *["…"][: len(plans) > _PLANS_SHOWN]])
    what = f" (data of {days[0]} to {days[-1]}, plans {shown})" if days else ""
    files = [file for receipt in outcome.landed.values() for file in receipt.files]
    failed = f"; {len(outcome.failures)} failed" if outcome.failures else ""
    return (
        f"Landed {len(outcome.landed)} reports{what}: {len(files)} files, "
        f"{format_bytes(sum(file.bytes for file in files))} in {seconds:.0f} s{failed}."
    )


def format_bytes(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
