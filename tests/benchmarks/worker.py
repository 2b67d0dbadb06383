"""One measurement, in a process of its own: ``python -m benchmarks.worker CONTENDER FUNCTION``.

The job comes in on standard input. Getting ready (imports, connections) is not timed, the same
for all; what it costs shows in the figures of the whole process.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from typing import Any

from benchmarks.job import Job, connect

_UNIT = 1 if sys.platform == "darwin" else 1024


def peak() -> int:
    """Return the most memory that this process had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT


def main() -> None:
    """Get ready, work, and write down what it took."""
    contender, function = sys.argv[1:]
    job = Job.from_json(sys.stdin.read())
    results = os.dup(1)
    os.dup2(2, 1)  # whatever libraries say
    connect(job)
    ready: Any = getattr(importlib.import_module(f"benchmarks.contenders.{contender}"), function)
    work = ready(job)
    imported, cpu, wall = peak(), time.process_time(), time.perf_counter()
    facts = work()
    taken = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": peak(),
        "imported": imported,
        "facts": facts,
    }
    os.write(results, json.dumps(taken).encode())


if __name__ == "__main__":
    main()
