"""Made-up reports: plausible, and the same for the same seed."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

_ITEM_TYPES = {"PSScene": (40, 400), "SkySatCollect": (5, 80), "SkySatScene": (1, 12)}
_USERS = (
    ("ada@fields.example", "Ada Fields"),
    ("björn@fields.example", "Björn Åker"),
    ("chen@fields.example", 'Chen "Remote" Li'),
    ("dina@fields.example", "Dina Soares"),
)
_ASSETS = ("ortho_analytic_4b", "ortho_visual", "basic_analytic_4b", "ortho_udm2")
_NOTES = ("", "", "", "weekly, northern region", 'so-called "quick look"', "two\nlines")
_SUMMARY = ("date", "item_type", "user_email", "user_name", "downloads", "area_sqkm", "usage")
_DETAILED = (
    "downloaded_at", "item_type", "item_id", "asset_type", "user_email", "user_name",
    "area_sqkm", "usage", "note",
)  # fmt: skip
_MIB = 2**20


@dataclass(frozen=True)
class Part:
    """One file of a report: a header, and rows that may repeat to reach a size.

    :param header: the first line.
    :param block: the rows.
    :param repeats: how often the block stands in the file.
    """

    header: bytes
    block: bytes
    repeats: int = 1

    def __len__(self) -> int:
        return len(self.header) + len(self.block) * self.repeats

    @cached_property
    def etag(self) -> str:
        """A strong validator."""
        known = hashlib.sha256(self.header + self.block + b"%d" % self.repeats)
        return f'"{known.hexdigest()[:32]}"'

    def read(self, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from a position on, in pieces of about 1 MiB.

        :param start: the first byte, by default 0.
        """
        if start < len(self.header):
            yield self.header[start:]
        behind = max(start - len(self.header), 0)
        done, offset = divmod(behind, max(len(self.block), 1))
        batch = max(_MIB // max(len(self.block), 1), 1)
        while done < self.repeats:
            count = min(batch, self.repeats - done)
            yield (self.block * count)[offset:]
            done, offset = done + count, 0


@dataclass(frozen=True)
class MadeUpReport:
    """A report and its files, made from its identity when they are asked for.

    :param seed: what makes the figures.
    :param org_id: organization.
    :param plan_id: plan.
    :param report_type: ``summary`` or ``detailed``.
    :param cadence: ``daily`` or ``monthly``.
    :param first_day: first day covered.
    :param part_bytes: size that each part at least has.
    :param edition: how often it was replaced by another one with the same id.
    """

    seed: int
    org_id: int
    plan_id: int
    report_type: str
    cadence: str
    first_day: dt.date
    part_bytes: int = 0
    edition: int = 0

    @cached_property
    def report_id(self) -> str:
        """The id: a UUID, as it looks at Planet, made from everything that tells reports apart."""
        return str(
            uuid.UUID(bytes=hashlib.sha256(self._identity.encode()).digest()[:16], version=4)
        )

    @property
    def _identity(self) -> str:
        return (
            f"{self.seed}/{self.org_id}/{self.plan_id}/{self.report_type}/{self.cadence}/"
            f"{self.first_day}"
        )

    @cached_property
    def last_day(self) -> dt.date:
        """Last day covered."""
        if self.cadence == "daily":
            return self.first_day
        return (self.first_day + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)

    @cached_property
    def part_count(self) -> int:
        """Number of files: one for a summary, up to four for a detailed report."""
        if self.report_type == "summary":
            return 1
        return self._random("parts").randint(1, 4) + self.edition % 2

    @cached_property
    def has_footprint(self) -> bool:
        """Whether rows carry geometry; only in detailed reports."""
        return self.report_type == "detailed" and self._random("footprint").random() < 0.7

    def describe(self, base_url: str, *, underscored_links: bool = False) -> dict[str, Any]:
        """Return the API's object for this report.

        :param base_url: address of the API, without a slash at its end.
        :param underscored_links: whether to write ``_self``, as the documentation does in places.
        """
        address = f"{base_url}/{self.report_id}"
        return {
            "report_id": self.report_id,
            "contents": [f"{address}/{number}" for number in range(1, self.part_count + 1)],
            "org_id": self.org_id,
            "plan_id": self.plan_id,
            "data_date_start": self.first_day.isoformat(),
            "data_date_end": self.last_day.isoformat(),
            "report_type": self.report_type,
            "num_rows": self.num_rows,
            "cadence": self.cadence,
            "has_footprint": self.has_footprint,
            "_links": {"_self" if underscored_links else "self": address},
        }

    @cached_property
    def num_rows(self) -> int:
        """Data rows over all parts."""
        if not self.part_bytes:
            return sum(self._row_count(number) for number in range(1, self.part_count + 1))
        return sum(
            self._row_count(number) * self.part(number).repeats
            for number in range(1, self.part_count + 1)
        )

    def part(self, number: int) -> Part:
        """Return a file.

        :param number: 1 for the first.
        """
        return _part(self, number)

    def _make_part(self, number: int) -> Part:
        columns = _SUMMARY if self.report_type == "summary" else _DETAILED
        if self.has_footprint:
            columns = (*columns, "footprint")
        make = self._summary_row if self.report_type == "summary" else self._detailed_row
        chance = self._random(
            f"rows of {number}" + f" in edition {self.edition}" * bool(self.edition)
        )
        block = _csv(make(chance) for _ in range(self._row_count(number)))
        header = _csv([columns])
        missing = max(self.part_bytes - len(header), 0)
        return Part(header, block, max(-(-missing // len(block)), 1))

    def _row_count(self, number: int) -> int:
        days = (self.last_day - self.first_day).days + 1
        few, many = (4, 12) if self.report_type == "summary" else (30, 120)
        return self.edition + sum(
            self._random(f"size of {number} on {day}").randint(few, many)
            for day in range(min(days, 4))
        )

    def _random(self, purpose: str) -> random.Random:
        return random.Random(f"{self._identity}/{purpose}")  # noqa: S311 - plausible, not secret

    def _day(self, chance: random.Random) -> dt.date:
        return self.first_day + dt.timedelta(
            days=chance.randint(0, (self.last_day - self.first_day).days)
        )

    def _summary_row(self, chance: random.Random) -> tuple[object, ...]:
        item_type, (low, high) = chance.choice(list(_ITEM_TYPES.items()))
        downloads, area = chance.randint(1, 60), chance.uniform(low, high)
        used = downloads * area
        return (
            self._day(chance), item_type, *chance.choice(_USERS), downloads,
            f"{used:.2f}", f"{used * 0.8:.2f}",
        )  # fmt: skip

    def _detailed_row(self, chance: random.Random) -> tuple[object, ...]:
        item_type, (low, high) = chance.choice(list(_ITEM_TYPES.items()))
        area = chance.uniform(low, high)
        seconds = chance.randint(0, 86_399)
        when = dt.datetime.combine(self._day(chance), dt.time()) + dt.timedelta(seconds=seconds)
        row = (
            f"{when.isoformat()}Z", item_type,
            f"{when:%Y%m%d_%H%M%S}_{chance.randrange(10_000):04d}",
            chance.choice(_ASSETS), *chance.choice(_USERS), f"{area:.3f}", f"{area * 0.8:.3f}",
            chance.choice(_NOTES),
        )  # fmt: skip
        return (*row, _footprint(chance)) if self.has_footprint else row


@lru_cache(maxsize=512)
def _part(report: MadeUpReport, number: int) -> Part:
    return report._make_part(number)


def made_up_reports(
    *, seed: int, org_id: int, plans: tuple[int, ...], days: int, last_day: dt.date, part_bytes: int
) -> Iterator[MadeUpReport]:
    """Yield reports, newest day first: daily ones, and monthly ones for months that end in range.

    :param seed: what makes the figures.
    :param org_id: organization.
    :param plans: plans, each with its own reports.
    :param days: how many days back.
    :param last_day: the newest day with reports.
    :param part_bytes: size that each part at least has.
    """
    for back in range(days):
        day = last_day - dt.timedelta(days=back)
        month_ended = (day + dt.timedelta(days=1)).day == 1
        for plan_id in plans:
            for report_type in ("summary", "detailed"):
                yield MadeUpReport(seed, org_id, plan_id, report_type, "daily", day, part_bytes)
                if month_ended:
                    yield MadeUpReport(
                        seed,
                        org_id,
                        plan_id,
                        report_type,
                        "monthly",
                        day.replace(day=1),
                        part_bytes,
                    )


def _csv(rows: Any) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _footprint(chance: random.Random) -> str:
    x, y = round(chance.uniform(-180, 179), 4), round(chance.uniform(-80, 79), 4)
    ring = [[x, y], [x + 0.2, y], [x + 0.2, y + 0.1], [x, y + 0.1], [x, y]]
    rounded = [[round(a, 4), round(b, 4)] for a, b in ring]
    return json.dumps({"type": "Polygon", "coordinates": [rounded]})
