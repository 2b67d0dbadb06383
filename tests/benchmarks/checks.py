"""Whether a result is right: who is fast and wrong has failed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.content import same
from benchmarks.job import Job, digest


@dataclass(frozen=True)
class Result:
    """What there is to look at after a measurement.

    :param job: what was to be done.
    :param facts: what the contender said.
    :param found: what the S3 server has.
    """

    job: Job
    facts: Mapping[str, Any]
    found: Mapping[str, Any]


#: Returns what is wrong, or None.
Check = Callable[[Result], str | None]


def nothing(result: Result) -> str | None:
    """Nothing can be wrong."""
    return None


def right_ids(result: Result) -> str | None:
    """Every report, in the listing's order."""
    if result.facts != result.job.expected_ids():
        return f"other ids were listed: {result.facts}"
    return None


def loaded_ids(result: Result) -> str | None:
    """Every report, in the files that dlt wrote."""
    ids = []
    for path in Path(result.job.folder, "loaded", "planet", "reports").glob("*.jsonl*"):
        opener: Any = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt") as file:
            ids += [json.loads(line)["report_id"] for line in file]
    if digest(sorted(ids)) != result.job.expected_ids():
        return f"other ids were loaded ({len(ids)})"
    return None


def whole_files(result: Result) -> str | None:
    """Every report's file, byte by byte."""
    original, folder = Path(result.job.file["path"]), Path(result.job.folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    files = [path for path in files if "_receipts" not in path.parts]
    whole = sum(same(path, original) for path in files)
    if not len(files) == whole == result.job.count:
        return f"{whole} of {result.job.count} files are whole, {len(files)} are there"
    return None


def whole_objects(result: Result) -> str | None:
    """Every report's object; the S3 server compared each byte."""
    if result.found["whole"] != result.job.count or result.found["damaged"]:
        return f"of {result.job.count} objects there are {dict(result.found)}"
    return None


def landed_with_receipts(result: Result) -> str | None:
    """Every report's file, its receipt, and its figures as the operator returned them."""
    count, facts = result.job.count, result.facts
    if not facts["landed"] == facts["verified"] == count:
        return f"the operator landed otherwise: {dict(facts)}"
    on_disk = sum(1 for _ in Path(result.job.folder, "_receipts").rglob("*.json"))
    receipts = on_disk or result.found["receipts"]
    if receipts != count:
        return f"{receipts} receipts are there"
    return whole_files(result) if on_disk else whole_objects(result)


def landed_new(result: Result) -> str | None:
    """The new reports were landed, whole, and no other."""
    facts, new = result.facts, result.job.more["new"]
    if not facts.get("landed", new) == facts.get("verified", new) == result.found["whole"] == new:
        return f"of {new} new reports: {dict(facts)}, {dict(result.found)}"
    if result.found["damaged"]:
        return f"damaged: {result.found['damaged']}"
    return None


def all_read(result: Result) -> str | None:
    """Each receipt was read."""
    if result.facts["read"] != result.job.count:
        return f"{result.facts['read']} receipts were read"
    return None


def all_loaded(result: Result) -> str | None:
    """Each report was loaded, with all its rows."""
    job = result.job
    if result.facts != {"loaded": job.count, "rows": job.count * job.file["rows"]}:
        return f"other rows were loaded: {dict(result.facts)}"
    return None


def nothing_new(result: Result) -> str | None:
    """All reports were landed before, and none again."""
    if result.facts["landed"] or result.found["whole"]:
        return "something was landed again"
    if result.found["receipts"] < result.job.count:  # other jobs of the case have theirs
        return f"{result.found['receipts']} receipts are there"
    return None
