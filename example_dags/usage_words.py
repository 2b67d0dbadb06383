"""How figures, days and names are written, on the page and in the charts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from itertools import groupby

DASH = "\N{EN DASH}"
_LONGEST_NAME = 24


def said(day: dt.date) -> str:
    """Return a day as people write it."""
    return f"{day:%-d %b %Y}"


def moment(when: dt.datetime) -> str:
    """Return a moment as people write it; it is UTC's."""
    return f"{said(when)}, {when:%H:%M} UTC"


def in_days(number: int) -> str:
    """Return a number of days in words."""
    return "1 day" if number == 1 else f"{number:,} days"


def runs(days: Sequence[dt.date]) -> str:
    """Return days as text, those in a row as first and last."""
    numbered = groupby(enumerate(days), lambda each: each[1].toordinal() - each[0])
    return joined(_run([day for _, day in run]) for _, run in numbered)


def _run(days: Sequence[dt.date]) -> str:
    first, last = days[0], days[-1]
    if first == last:
        return f"{last:%-d %b}"
    same_month = (first.year, first.month) == (last.year, last.month)
    return f"{first:{'%-d' if same_month else '%-d %b'}} {DASH} {last:%-d %b}"


# [START howto_dashboard_words]
def number(amount: float | None) -> str:
    """Return an amount with as many digits as are of use."""
    if amount is None:
        return DASH
    return f"{amount:,.0f}" if abs(amount) >= 100 or amount == int(amount) else f"{amount:,.2f}"
    # [END howto_dashboard_words]


def percent(part: float) -> str:
    """Return a part of 1 as percent, small ones with a digit more."""
    return f"{part:.0%}" if part >= 0.1 or not part else f"{part:.1%}"


def short(amount: float) -> str:
    """Return an amount as it fits a chart: 950, 12.3k, 4.5M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(amount) >= 0.9995 * size:  # it would be rounded up to it
            return f"{amount / size:.3g}{unit}"
    return f"{amount:.3g}"


def shortened(name: str) -> str:
    """Return a name as it fits a chart: in one line, and not too long."""
    line = "".join(each if each.isprintable() else " " for each in name)
    line = " ".join(line.split())
    return line if len(line) <= _LONGEST_NAME else f"{line[: _LONGEST_NAME - 1]}…"


def joined(words: Iterable[str]) -> str:
    """Return words as a list in a sentence."""
    return ", ".join(words)
