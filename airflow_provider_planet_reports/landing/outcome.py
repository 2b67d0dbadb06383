"""How far a landing run is, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing.receipt import Receipt


@dataclass
class Outcome:
    """What became of a run.

    :param landed: receipts of the reports landed now, by id.
    :param failures: reasons by id of the reports that could not be landed.
    :param receipts: receipts of all reports asked for, landed now or before, in that order.
    """

    landed: dict[str, Receipt] = field(default_factory=dict)
    failures: dict[str, PlanetReportsError] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)


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
        return (
            f"Landed {self.landed} of {self.asked} reports, {readable(self.bytes)} in "
            f"{self.seconds:.0f} s ({readable(self.bytes / max(self.seconds, 0.001))}/s); "
            f"{self.failed} failed, {self.asked - self.landed - self.failed} left."
        )


def readable(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
