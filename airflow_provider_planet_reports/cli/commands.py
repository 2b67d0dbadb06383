"""What the commands do. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from airflow_provider_planet_reports.cli.progress import progress
from airflow_provider_planet_reports.client.errors import PlanetReportsError
from airflow_provider_planet_reports.client.filters import Filters

_COLUMNS = ("report_id", "data_date_start", "report_type", "cadence", "plan_id", "num_rows")


def list_reports(given: Namespace) -> None:
    """List reports.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.listing import matching_reports

    with _at_work():
        found = matching_reports(
            given.conn_id, _filters(given), given.destination, given.destination_conn_id
        )
    reports = [report.to_dict() for report in found]
    if given.output == "json":
        _print(json.dumps(reports, indent=1))
    elif given.output == "plain":
        _print("\n".join(report.report_id for report in found))
    else:
        _print_table(reports)


def land(given: Namespace) -> None:
    """Land reports.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
    from airflow_provider_planet_reports.landing.destination import open_zone
    from airflow_provider_planet_reports.transfers.landing_run import LandingRun
    from airflow_provider_planet_reports.transfers.outcome import readable

    with _at_work(), progress("Landing") as tell:
        hook = PlanetReportsHook(given.conn_id)
        zone = open_zone(given.destination, given.destination_conn_id)
        outcome = LandingRun(
            hook.api,
            zone,
            max_workers=given.max_workers,
            row_count_check=given.row_count_check,
            on_progress=lambda now: tell(now.landed, now.asked, readable(now.bytes)),
            seconds_between=0.2,
        ).land_missing(hook.list_reports(**_filters(given)), overwrite=given.overwrite)
    for report_id, error in outcome.failures.items():
        sys.stderr.write(f"{report_id}: {error}\n")
    _print(
        f"{len(outcome.landed)} landed, {len(outcome.receipts) - len(outcome.landed)} were landed "
        f"before, {len(outcome.failures)} failed."
    )
    if outcome.failures:
        sys.exit(1)


def verify(given: Namespace) -> None:
    """Verify a landing zone.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.landing import verification
    from airflow_provider_planet_reports.landing.destination import open_zone
    from airflow_provider_planet_reports.transfers.outcome import readable

    with _at_work(), progress("Verifying") as tell:
        found = verification.verify(
            open_zone(given.destination, given.destination_conn_id),
            max_workers=given.max_workers,
            on_progress=lambda now: tell(now.files, now.named, readable(now.bytes)),
        )
    for finding in found.findings:
        _print(f"{finding.kind}  {finding.uri}  {finding.what}")
    _print(
        f"{found.reports} reports, {found.files} files, {readable(found.bytes)}: "
        f"{len(found.findings)} findings."
    )
    if found.findings:
        sys.exit(1)


def _filters(given: Namespace) -> dict[str, Any]:
    return {name: getattr(given, name, None) for name in Filters.names()}


@contextmanager
def _at_work() -> Iterator[None]:
    """Let connections be found where Airflow has them, and end with a message, not a traceback.

    Meanwhile whatever is printed goes to standard error: Airflow logs to standard output.
    """
    # What Airflow's own commands do: without it Airflow 3 looks for connections in the
    # environment alone.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    sys.stdout.flush()
    results = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except PlanetReportsError as error:
        sys.exit(f"{error}")
    except KeyboardInterrupt:
        sys.exit("Interrupted; what was under way is abandoned.")
    finally:
        sys.stdout.flush()
        os.dup2(results, 1)
        os.close(results)


def _print_table(reports: list[dict[str, Any]]) -> None:
    rows = [_COLUMNS, *([str(report.get(name)) for name in _COLUMNS] for report in reports)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _print(text: str) -> None:
    if text:
        sys.stdout.write(f"{text}\n")
