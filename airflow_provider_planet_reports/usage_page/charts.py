"""The charts, drawn by matplotlib as SVG for the page, with CSS variables as colours.

Text stays text, in the page's own font. No text of a report gets into a chart.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.usage_page.figures import PlanFigures
from airflow_provider_planet_reports.usage_page.periods import Period
from airflow_provider_planet_reports.usage_page.standing import Standing
from airflow_provider_planet_reports.usage_page.words import short_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Name, light and dark: Okabe and Ito's palette, which colour-blind people can tell apart.
COLOURS = {
    "series-1": ("#0072b2", "#56a8e0"),
    "series-2": ("#e69f00", "#f2b640"),
    "series-3": ("#009e73", "#34c79a"),
    "series-4": ("#cc79a7", "#e29cc3"),
    "series-5": ("#56b4e9", "#a3daf8"),
    "series-6": ("#d55e00", "#ff8a3d"),
    "others": ("#8c8f94", "#8b929c"),
    "ink": ("#1b1f24", "#eceff3"),
    "muted": ("#5b636e", "#a9b1bc"),
    "grid": ("#e3e6ea", "#2c333d"),
    "alert": ("#b3261e", "#ff8f85"),
    "paper": ("#ffffff", "#171b21"),
}
SERIES = [name for name in COLOURS if name.startswith("series-")]
#: Width and height in pixels of the page: for screens and paper, and for phones.
_SHAPES = ((980, 250), (350, 230))
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 12.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
}


def usage_chart(figures: PlanFigures, period: Period, item_types: Sequence[str]) -> list[str]:
    """Return usage by day, week or month, stacked by item type, in each shape.

    :param figures: the figures.
    :param period: the days shown. Those that are missing are hatched where they leave a gap.
    :param item_types: those with a colour of their own; the others are added up.
    """
    parts = period.parts()

    def draw(axes: Axes, width: int) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path

        low, high = [0.0] * len(parts), [0.0] * len(parts)
        gap = 0.8 if width > 6 * len(parts) else 0
        for name, heights in _stack(figures, item_types):
            bars = []
            for at, height in heights.items():
                # Corrections can be negative: those are stacked downwards.
                stack = low if height < 0 else high
                begin, stack[at] = stack[at], stack[at] + height
                left, right, end = at - 0.4, at + 0.4, stack[at]
                corners = [(left, begin), (right, begin), (right, end), (left, end), (left, begin)]
                bars.append(Path(corners, closed=True))
            # One path for each colour: a quarter of the bytes of a path for each bar.
            axes.add_patch(
                PathPatch(
                    Path.make_compound_path(*bars), facecolor=_colour(name),
                    edgecolor=_colour("paper"), linewidth=gap,
                )
            )  # fmt: skip
        for place, part in enumerate(parts):
            if all(day in figures.missing for day in part):
                axes.axvspan(
                    place - 0.4, place + 0.4, facecolor="none", edgecolor=_colour("others"),
                    hatch="////", linewidth=0,
                )  # fmt: skip
        axes.set_xlim(-0.6, len(parts) - 0.4)
        _dates_below(axes, parts, width)
        _amounts_beside(axes, min(low), max(high))

    return _svgs(f"usage {figures.plan}", draw)


def quota_chart(standing: Standing, name: str) -> list[str]:
    """Return usage added up day by day, against the quota, and where it is heading.

    :param standing: where the quota stands.
    :param name: of the plan.
    """
    days = [Period(day, day) for day in Period(standing.since, standing.last_drawn)]

    def draw(axes: Axes, width: int) -> None:
        sums, used, amount = standing.sums, standing.used, standing.quota.amount
        colour = _colour("series-1")
        axes.fill_between(range(len(sums)), sums, color=colour, alpha=0.14, linewidth=0)
        axes.plot(range(len(sums)), sums, color=colour, linewidth=2.4, solid_capstyle="round")
        axes.plot([len(sums) - 1], [used], "o", color=colour, markersize=7)
        top = max(used, amount or 0)
        if amount is not None:
            axes.axhline(amount, color=_colour("alert"), linewidth=1.6)
            axes.annotate(
                f"quota {short_text(amount)}", (0, amount), (0, 4), color=_colour("alert"),
                textcoords="offset points",
            )  # fmt: skip
        if standing.pace and len(days) > len(sums):
            ahead = range(len(sums) - 1, len(days))
            heading = [used + standing.pace * number for number in range(len(ahead))]
            axes.plot(ahead, heading, color=colour, linewidth=1.8, linestyle=(0, (2, 2)))
            top = max(top, *heading)
        axes.set_xlim(-0.6, len(days) - 0.4)
        _dates_below(axes, days, width)
        _amounts_beside(axes, min(0, *sums), top)

    return _svgs(f"quota {name}", draw)


def _stack(
    figures: PlanFigures, item_types: Sequence[str]
) -> Iterator[tuple[str, dict[int, float]]]:
    """Yield the bars of each colour, the others last: their heights by place."""
    colours = dict(zip(item_types, SERIES, strict=False))
    bars: dict[str, dict[int, float]] = {name: {} for name in [*colours.values(), "others"]}
    for (place, item_type), usage in figures.parts.items():
        heights = bars[colours.get(item_type, "others")]
        heights[place] = heights.get(place, 0.0) + usage
    return ((name, heights) for name, heights in bars.items() if heights)


def _svgs(name: str, draw: Callable[[Axes, int], None]) -> list[str]:
    # No pyplot: it keeps figures, and a task may draw while another one does.
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    drawn = []
    for width, height in _SHAPES:
        with rc_context({**_STYLE, "svg.hashsalt": f"{name} {width}"}):
            figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")
            axes = figure.add_subplot()
            axes.set_facecolor("none")
            axes.spines["bottom"].set_color(_colour("muted"))
            axes.tick_params(colors=_colour("muted"), length=0, pad=6)
            draw(axes, width)
            target = io.StringIO()
            unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(target, format="svg", metadata=unsaid, transparent=True)
        drawn.append(_for_page(target.getvalue()))
    return drawn


def _dates_below(axes: Axes, parts: Sequence[Period], width: int) -> None:
    """Write dates below the axis, as many as there is room for; the year where it begins."""
    months = len(parts[-1]) > 7 or len(parts[0]) > 7
    step = -(-len(parts) * 62 // (width - 60))
    places = range((len(parts) - 1) % step, len(parts), step)
    labels, year = [], None
    for place in places:
        day = parts[place].first
        label = f"{day:%b}" if months else f"{day.day} {day:%b}"
        labels.append(label if day.year == year else f"{label}\n{day.year}")
        year = day.year
    axes.set_xticks(list(places), labels)


def _amounts_beside(axes: Axes, low: float, high: float) -> None:
    axes.set_ylim(low * 1.12, high * 1.12 if high > 0 or low < 0 else 1)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(lambda amount, _: short_text(amount))
    axes.grid(axis="y", color=_colour("grid"), linewidth=1)


def _colour(name: str) -> str:
    return COLOURS[name][0]


def _for_page(svg: str) -> str:
    """Return an SVG as part of a page: colours by name, no ids but those used, the page's font."""
    svg = svg[svg.index("<svg") :]
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda each: each[0] if each[1] in used else "", svg)
    svg = re.sub(r' xmlns(?::xlink)?="[^"]*"| version="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg)
    svg = re.sub(r" ?font-family: [^;\"]*;?", "", svg)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)  # matplotlib before 3.10
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(\.\d)\d+", r"\1", svg)  # a tenth of a pixel is enough
    svg = " ".join(svg.split())
    for name, (light, _) in COLOURS.items():
        svg = svg.replace(light, f"var(--{name})")
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
