"""The sandbox's command line: serve made-up reports until interrupted."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading

from airflow_provider_planet_reports.sandbox.server import ADMINISTRATOR_KEY, MEMBER_KEY, Sandbox


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_planet_reports.sandbox",
        description="An offline stand-in of Planet's Reports API on loopback. "
        "It is not Planet: all reports and figures are made up.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=8765, help="TCP port; 0 for a free one")
    parser.add_argument("--days", type=int, default=30, help="days back with reports")
    parser.add_argument("--plans", type=int, default=2, help="number of plans")
    parser.add_argument("--part-bytes", type=int, default=0, help="size each part at least has")
    parser.add_argument("--seed", type=int, default=1, help="what makes the figures")
    parser.add_argument("--key", default=ADMINISTRATOR_KEY, help="the API key that is let in")
    parser.add_argument(
        "--requests-per-second", type=int,
        help="requests let in within any one second; beyond it they get a 429; none: all",
    )  # fmt: skip
    parser.add_argument(
        "--faults", type=float, default=0.0,
        help="share of the requests that meet a 429, a 503 or a connection that is reset; the same "
        "ones for the same seed",
    )  # fmt: skip
    given = parser.parse_args()
    if given.days < 1 or given.plans < 1:
        parser.error("--days and --plans must be 1 or more")
    if given.requests_per_second is not None and given.requests_per_second < 1:
        parser.error("--requests-per-second must be 1 or more")
    if not 0 <= given.faults <= 1:
        parser.error("--faults must be from 0 to 1")
    sandbox = Sandbox(
        days=given.days,
        plans=tuple(range(1001, 1001 + given.plans)),
        seed=given.seed,
        part_bytes=given.part_bytes,
        key=given.key,
        faults=given.faults,
        requests_per_second=given.requests_per_second,
    )
    ended = threading.Event()
    # Started in the background of a script, a process finds Ctrl-C's signal ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with sandbox.serve(given.port) as base_url:
        connection = {"conn_type": "planet_reports", "password": given.key, "host": base_url}
        sys.stdout.write(
            "This is not Planet. It is a sandbox of the Reports API, with made-up reports.\n"
            f"base URL            {base_url}\n"
            f"API key             {given.key}\n"
            f"refused with a 403  {MEMBER_KEY}\n"
            f"AIRFLOW_CONN_PLANET_REPORTS_DEFAULT='{json.dumps(connection)}'\n"
            "Ctrl-C ends it.\n"
        )
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
