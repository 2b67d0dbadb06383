"""What became of a landing run, and how far it is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.quantities import counted, format_bytes

_PLANS_SHOWN = 10


@dataclass
class Outcome:
    """What became of a run, so far.

    :param landed: receipts of the reports that this run landed.
    :param earlier: receipts of those that an earlier try of the same task instance landed.
    :param failures: names of what could not be landed, mostly ids, and why.
    :param before: how many were landed before; ``earlier`` and damaged receipts included.
    :param left: how many are still to be landed.
    :param bytes: what was downloaded.
    :param begun: when the run began, by :func:`time.monotonic`.
    """

    landed: list[Receipt] = field(default_factory=list)
    earlier: list[Receipt] = field(default_factory=list)
    failures: list[tuple[str, PlanetReportsError]] = field(default_factory=list)
    before: int = 0
    left: int = 0
    bytes: int = 0
    begun: float = field(default_factory=time.monotonic, compare=False)

    def __str__(self) -> str:
        """Say how much was landed, of which days and plans."""
        landed = [*self.landed]  # other threads add to it meanwhile
        days = sorted(receipt.key.data_date or "no day" for receipt in landed)
        plans = sorted({receipt.key.plan_id or "none" for receipt in landed})
        more = ", …" if len(plans) > _PLANS_SHOWN else ""
        shown = f"{', '.join(plans[:_PLANS_SHOWN])}{more}"
        what = f" (data of {days[0]} to {days[-1]}, plans {shown})" if days else ""
        files = counted(sum(len(receipt.files) for receipt in landed), "file")
        failed = f"; {len(self.failures)} failed" if self.failures else ""
        left = f"; {self.left} left" if self.left else ""
        return (
            f"Landed {counted(len(landed), 'report')}{what}: {files}, "
            f"{format_bytes(self.bytes)} in {time.monotonic() - self.begun:.0f} s{failed}{left}."
        )
