"""What is to be reached. Ratios are ours to another's, taken within rounds: machines are noisy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

_MIB = 2**20
#: What was measured of each entry of a case, round by round.
Results = Mapping[str, Sequence[Mapping[str, Any]]]


class Goal(Protocol):
    """Something with a limit."""

    @property
    def row(self) -> str:
        """The row of the table that it is about."""

    @property
    def most(self) -> float:
        """The limit."""

    @property
    def what(self) -> str:
        """What has the limit."""

    def value(self, results: Results) -> float | None:
        """Return what was reached; None where that was not measured."""


@dataclass(frozen=True)
class Ratio:
    """Ours to another's.

    :param row: the other's label.
    :param most: the limit.
    :param of: figure to compare.
    :param ours: our label.
    """

    row: str
    most: float
    of: str = "wall"
    ours: str = "ours"

    @property
    def what(self) -> str:
        """What has the limit."""
        return f"{self.ours} ÷ this, {self.of}"

    def value(self, results: Results) -> float | None:
        """Return the median of the rounds' ratios."""
        return ratio(results, self.ours, self.row, self.of)


@dataclass(frozen=True)
class Figure:
    """One figure of ours.

    :param what: its name: of a measured figure, or of a fact.
    :param most: the limit.
    :param row: our label.
    """

    what: str
    most: float
    row: str = "ours"

    def value(self, results: Results) -> float | None:
        """Return the median over the rounds."""
        found = [figure(each, self.what) for each in results.get(self.row, ())]
        known = [value for value in found if value is not None]
        return median(known) if known else None


@dataclass(frozen=True)
class Exponent:
    """How a figure grows with the number of reports.

    :param what: the figure.
    :param sizes: number of reports by label of entry.
    :param most: the limit.
    """

    what: str
    sizes: Mapping[str, int]
    most: float = 1.05

    @property
    def row(self) -> str:
        """The largest."""
        return max(self.sizes, key=lambda label: self.sizes[label])

    def value(self, results: Results) -> float | None:
        """Return the slope of the best line through the logarithms."""
        points = []
        for label, size in self.sizes.items():
            found = Figure(self.what, 0, label).value(results)
            if not found:
                return None
            points.append((math.log(size), math.log(found)))
        x, y = (sum(each) / len(points) for each in zip(*points, strict=True))
        return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def figure(round_: Mapping[str, Any], name: str) -> float | None:
    """Return a figure of one measurement, by the name that the table shows."""
    if name == "memory beyond imports, MiB":
        return (round_["peak"] - round_["imported"]) / _MIB if "peak" in round_ else None
    value = round_.get(name, round_.get("facts", {}).get(name))
    return None if value is None else float(value)


def ratio(results: Results, ours: str, other: str, of: str = "wall") -> float | None:
    """Return the median over the rounds of one entry's figure to another's."""
    pairs = [
        (figure(mine, of), figure(its, of))
        for mine, its in zip(results.get(ours, ()), results.get(other, ()), strict=False)
    ]
    ratios = [mine / its for mine, its in pairs if mine is not None and its]
    return median(ratios) if ratios else None
