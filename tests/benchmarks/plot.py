"""A picture of the results: ``python -m benchmarks.plot FOLDER`` draws ``results.png``."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

_OURS, _THEIRS = "#00857c", "#b8bec4"


def main(folder: Path) -> None:
    """Draw one panel for each case: medians as bars, with the spread from least to most."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("matplotlib is not installed: no picture.", file=sys.stderr)
        return
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    cases = json.loads((folder / "results.json").read_text())["cases"]
    cases = [case for case in cases if any(row["wall"] for row in case["rows"])]
    timed = [case for case in cases if not case["name"].startswith(("wait", "watch", "refused"))]
    if not timed:
        return
    columns = min(3, len(timed))
    lines = math.ceil(len(timed) / columns)
    figure, axes = plt.subplots(
        lines, columns, figsize=(6 * columns, 2.4 * lines), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(timed) :]:
        axis.remove()
    for axis, case in zip(axes.flat, timed, strict=False):
        _panel(axis, case)
    figure.savefig(folder / "results.png", dpi=110)


def _panel(axis: Any, case: dict[str, Any]) -> None:
    rows = [row for row in case["rows"] if row["wall"]][::-1]
    medians = [row["wall"]["median"] for row in rows]
    below = [row["wall"]["median"] - row["wall"]["min"] for row in rows]
    above = [row["wall"]["max"] - row["wall"]["median"] for row in rows]
    names = [row["label"] for row in rows]
    colours = [_OURS if "our" in name or "reports" in name else _THEIRS for name in names]
    axis.barh(
        names, medians, xerr=[below, above], color=colours, height=0.7,
        error_kw={"capsize": 3, "elinewidth": 1},
    )  # fmt: skip
    most = max(value + more for value, more in zip(medians, above, strict=True))
    axis.set_xlim(0, most * 1.25)
    for place, (value, more) in enumerate(zip(medians, above, strict=True)):
        text = f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.1f} ms"
        axis.text(value + more + most * 0.02, place, text, va="center", fontsize=8)
    axis.set_title(case["title"], fontsize=10, loc="left")
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
