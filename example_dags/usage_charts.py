"""The charts of the usage dashboard: each as SVG for the page, and as PNG for a mail or a slide.

They are drawn once, in the light colours. In the SVG each colour becomes a CSS variable, which the
page sets for light and for dark, and text stays text, in the page's own font.
"""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from usage_figures import Figures, Group
from usage_freshness import Period
from usage_quota import Quota
from usage_words import short, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# [START howto_dashboard_colours]
#: Name, light and dark: Okabe and Ito's palette, which colour-blind people can tell apart. The dark
#: ones are the same hues, lighter. Change them here, for the page and the pictures.
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
# [END howto_dashboard_colours]
SERIES = [name for name in COLOURS if name.startswith("series-")]
WIDE, NARROW, HALF = 980, 350, 430  # pixels of the page
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name with two dollar signs is no formula
    "font.family": "DejaVu Sans",
    "font.size": 12.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.8,
}
#: States of days that have no figures.
LACKING = ("landed", "missing")


def colour(name: str) -> str:
    """Return a colour as the charts are drawn in."""
    return COLOURS[name][0]


def colours_of(item_types: Sequence[Group]) -> dict[str | None, str]:
    """Return the name of each item type's colour; those added up are grey."""
    named = [group.key for group in item_types if group.key is not None]
    return {**dict(zip(named, SERIES, strict=False)), None: "others"}


class Chart:
    """A figure of matplotlib, in one or two shapes.

    :param name: of its file, and the salt of the ids in its SVG.
    :param title: what the picture says above the chart; in the page, a heading does.
    :param draw: draws it on axes, for the width given.
    :param shapes: width and height of each in pixels; the first one is the picture's.
    :param legend: names and the colours they have, for the picture.
    """

    def __init__(
        self,
        name: str,
        title: str,
        draw: Callable[[Axes, int], None],
        *shapes: tuple[int, int],
        legend: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.name = name
        self.title = title
        self.draw = draw
        self.shapes = shapes
        self.legend = legend

    def png(self) -> bytes:
        """Return the picture, twice as fine as the page's pixels."""
        width, height = self.shapes[0]
        height += 28 * (2 if self.legend else 1)
        return self._saved(width, height, "png", dpi=144, facecolor=colour("paper"))

    def svgs(self) -> list[str]:
        """Return each shape, to stand in a page."""
        return [
            _for_page(self._saved(*shape, "svg", transparent=True).decode())
            for shape in self.shapes
        ]

    def _saved(self, width: int, height: int, form: str, **options: Any) -> bytes:
        # No pyplot: it keeps figures, and a task may draw while another one does.
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        salt = f"{self.name}-{width}"
        with rc_context({**_STYLE, "svg.hashsalt": salt}):
            figure = Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")
            self.draw(_axes(figure), width)
            if form == "png":
                _head(figure, self.title, self.legend)
            target = io.BytesIO()
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type")) if form == "svg" else {}
            figure.savefig(target, format=form, metadata=nothing, **options)
        return target.getvalue()


def by_day(figures: Figures) -> Chart:
    """Usage by day, stacked by item type; days that are not loaded are hatched."""

    def draw(axes: Axes, width: int) -> None:
        days = list(figures.period)
        bottoms = [0.0] * len(days)
        for item_type, name in colours_of(figures.item_types).items():
            heights = [figures.by_day.get((day, item_type), 0.0) for day in days]
            if any(heights):
                axes.bar(
                    range(len(days)), heights, 0.78, bottoms,
                    color=colour(name), edgecolor=colour("paper"),
                    linewidth=0.8 if width > 6 * len(days) else 0,
                )  # fmt: skip
                bottoms = [a + b for a, b in zip(bottoms, heights, strict=True)]
        _hatch(axes, [days.index(day) for day in figures.freshness.days(figures.period, *LACKING)])
        axes.set_xlim(-0.6, len(days) - 0.4)
        _days_below(axes, days, width)
        _amounts_beside(axes, max(bottoms))

    names = {group.key: shortened(group.name) for group in figures.item_types}
    legend = [
        (names[key], each) for key, each in colours_of(figures.item_types).items() if key in names
    ]
    title = f"Usage by day and item type, {figures.period}"
    return Chart("usage-by-day", title, draw, (WIDE, 290), (NARROW, 250), legend=legend)


def running_total(figures: Figures, quota: Quota | None) -> Chart:
    """Usage added up day by day; with a quota, against it, and where it is heading."""

    def draw(axes: Axes, width: int) -> None:
        last = figures.reached
        end = quota.last_drawn() if quota else last
        days, every = list(Period(figures.since, last)), list(Period(figures.since, end))
        sums, total = [], 0.0
        for day in days:
            total += figures.running.get(day, 0.0)
            sums.append(total)
        at = range(len(days))
        axes.fill_between(at, sums, color=colour("series-1"), alpha=0.14, linewidth=0)
        axes.plot(at, sums, color=colour("series-1"), linewidth=2.4, solid_capstyle="round")
        axes.plot(at[-1:], sums[-1:], "o", color=colour("series-1"), markersize=7)
        top = total
        if quota:
            top = max(total, quota.amount)
            axes.axhline(quota.amount, color=colour("alert"), linewidth=1.6)
            axes.annotate(
                f"quota {short(quota.amount)}", (0, quota.amount), (0, 4), color=colour("alert"),
                textcoords="offset points",
            )  # fmt: skip
            if quota.pace and end > last:
                ahead = range(len(days) - 1, len(every))
                heading = [total + quota.pace * n for n in range(len(ahead))]
                axes.plot(
                    ahead, heading, color=colour("series-1"), linewidth=1.8, linestyle=(0, (2, 2))
                )
                top = max(top, *heading)
        axes.set_xlim(-0.6, len(every) - 0.4)
        _days_below(axes, every, width)
        _amounts_beside(axes, top)

    title = f"Usage added up, {Period(figures.since, figures.reached)}"
    return Chart("running-total", title, draw, (WIDE, 290), (NARROW, 260))


def by_group(name: str, title: str, groups: Sequence[Group], colours: Sequence[str]) -> Chart:
    """A bar for each group, with a mark for the period before."""

    def draw(axes: Axes, _: int) -> None:
        at = range(len(groups))
        now, before = [g.now.usage for g in groups], [g.before.usage for g in groups]
        top = max([*now, *before, 1e-9])
        axes.barh(at, now, 0.62, color=[colour(each) for each in colours])
        axes.vlines(
            [b for b in before if b > 0], [n - 0.4 for n in at if before[n] > 0],
            [n + 0.4 for n in at if before[n] > 0], color=colour("ink"), linewidth=2,
        )  # fmt: skip
        for place, amount, earlier in zip(at, now, before, strict=True):
            # Not across the mark, which may lie right behind the bar's end.
            close = amount < earlier < amount + 0.22 * top
            axes.text(
                (earlier if close else amount) + 0.025 * top, place, short(amount),
                va="center", color=colour("ink"),
            )  # fmt: skip
        axes.set_yticks(at, [shortened(group.name) for group in groups], color=colour("ink"))
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.set_xlim(min(0, *now), top * 1.2)
        axes.tick_params(left=False, bottom=False, labelbottom=False)
        axes.spines["bottom"].set_visible(False)

    return Chart(name, title, draw, (HALF, 24 + 36 * max(len(groups), 2)))


def draw(figures: Figures, quota: Quota | None = None) -> dict[str, Chart]:
    """Return the charts by name; none where there is nothing to draw.

    :param figures: what they show.
    :param quota: where it stands.
    """
    if not figures.totals:
        return {}
    by_item_type = colours_of(figures.item_types)
    tick = f", {figures.period}\n(mark: the {len(figures.period)} days before)"
    drawn = (
        by_day(figures),
        running_total(figures, quota),
        by_group(
            "usage-by-item-type", f"Usage by item type{tick}", figures.item_types,
            [by_item_type[group.key] for group in figures.item_types],
        ),
        by_group(
            "usage-by-user", f"Usage by user{tick}", figures.users,
            ["others" if group.key is None else "series-1" for group in figures.users],
        ),
    )  # fmt: skip
    return {chart.name: chart for chart in drawn}


def _head(figure: Figure, title: str, legend: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    figure.suptitle(title, x=0.01, ha="left", color=colour("ink"), fontsize=14)
    if legend:
        names, colours = zip(*legend, strict=True)
        figure.legend(
            [Patch(color=colour(each)) for each in colours], names, loc="outside lower left",
            ncols=len(names), frameon=False, labelcolor=colour("ink"), handlelength=1,
        )  # fmt: skip


def _axes(figure: Figure) -> Axes:
    axes = figure.add_subplot()
    axes.set_facecolor("none")
    axes.spines["bottom"].set_color(colour("muted"))
    axes.tick_params(colors=colour("muted"), length=0, pad=6)
    return axes


def _hatch(axes: Axes, places: Sequence[int]) -> None:
    for place in places:
        axes.axvspan(
            place - 0.39, place + 0.39, facecolor="none", edgecolor=colour("others"),
            hatch="////", linewidth=0,
        )  # fmt: skip


def _days_below(axes: Axes, days: Sequence[dt.date], width: int) -> None:
    """Write dates below the axis, as many as there is room for, the last one among them."""
    step = -(-len(days) * 62 // (width - 60))
    at = range(len(days) - 1, -1, -step)
    axes.set_xticks(at, [f"{days[place]:%-d %b}" for place in at])


def _amounts_beside(axes: Axes, top: float) -> None:
    axes.set_ylim(0, top * 1.12 if top > 0 else 1)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(lambda amount, _: short(amount))
    axes.grid(axis="y", color=colour("grid"), linewidth=1)


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
    for name, (light, _) in COLOURS.items():
        svg = svg.replace(light, f"var(--{name})")
    return svg.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1)
