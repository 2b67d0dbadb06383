"""Made-up reports with a name and a number of parts of a test's choice."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from airflow_provider_planet_reports.sandbox.reports import MadeUpReport


@dataclass(frozen=True)
class Made(MadeUpReport):
    """A report with a name and a number of parts."""

    name: str = ""
    parts: int = 1

    @property
    def report_id(self) -> str:
        return self.name

    @property
    def part_count(self) -> int:
        return self.parts

    @cached_property
    def contents(self) -> list[bytes]:
        """The bytes of its parts."""
        return [b"".join(self.part(number).read()) for number in range(1, self.parts + 1)]


def made(name: str, parts: int = 1, part_bytes: int = 0) -> Made:
    return Made(
        zlib.crc32(name.encode()), 4321, 1001, "summary", "daily", date(2026, 11, 1), part_bytes,
        name=name, parts=parts,
    )  # fmt: skip
