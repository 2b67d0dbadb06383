"""What the commands do. Results go to standard output, everything else to standard error."""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
import shlex
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.cli.arguments import DEFAULT_CONN_ID
from airflow_provider_planet_reports.cli.progress import progress
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.transport.redaction import one_line
from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.quantities import counted, format_bytes

if TYPE_CHECKING:
    from airflow_provider_planet_reports.landing.completeness import Completeness
    from airflow_provider_planet_reports.landing.progress import Outcome
    from airflow_provider_planet_reports.landing.zone import LandingZone

_COLUMNS = ("report_id", "data_date_start", "report_type", "cadence", "plan_id", "num_rows")
_GAP_COLUMNS = ("period", "state", "report_type", "plan_id", "report_id")
_PERIODS_SHOWN = 10


def list_reports(given: Namespace) -> None:
    """List reports.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.airflow_side.listing import matching_reports

    with at_work():
        found = matching_reports(
            given.conn_id, _filters(given), given.destination, given.destination_conn_id
        )
    reports = [report.to_dict() for report in found]
    if given.output == "json":
        _print(json.dumps(reports, indent=1))
    elif given.output == "plain":
        _print("\n".join(report.report_id for report in found))
    else:
        _print_table(_COLUMNS, reports)


def land(given: Namespace) -> None:
    """Land reports.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook
    from airflow_provider_planet_reports.landing.run import LandingRun
    from airflow_provider_planet_reports.landing.zone import open_zone

    with at_work(), progress("Landing") as tell:

        def show(now: Outcome) -> None:
            landed = len(now.landed)
            tell(landed, landed + len(now.failures) + now.left, format_bytes(now.bytes))

        hook = PlanetReportsHook(given.conn_id)
        zone = open_zone(given.destination, given.destination_conn_id)
        run = LandingRun(
            hook.api,
            zone,
            max_workers=given.max_workers,
            overwrite=given.overwrite,
            row_count_check=given.row_count_check,
            landed_by={"run_id": secrets.token_hex(8)},  # receipts tell one run from another
            on_progress=show,
            seconds_between=0.2,
        )
        listing = hook.list_reports(**_filters(given), on_bad_entry=run.fail_entry)
        outcome = run.run(listing)
        show(outcome)  # a run may end before its first report of progress
    for name, error in outcome.failures:
        sys.stderr.write(f"{name}: {error}\n")
    _print(
        f"{len(outcome.landed)} landed, {outcome.before} were landed before, "
        f"{len(outcome.failures)} failed."
    )
    if outcome.failures:
        sys.exit(1)


def check(given: Namespace) -> None:
    """Check that no day is missing.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.airflow_side.listing import check_completeness, summary_of

    with at_work():
        found = check_completeness(
            given.conn_id, _filters(given), given.destination, given.destination_conn_id
        )
    gaps = found.to_dict()["gaps"]
    if given.output == "json":
        _print(json.dumps(found.to_dict(), indent=1))
    elif given.output == "plain":
        _print("\n".join(found.periods_that()))
    else:
        if gaps:
            _print_table(_GAP_COLUMNS, gaps)
        _print(summary_of(found))
    sys.stderr.writelines(f"{line}\n" for line in _what_to_do(given, found))
    if gaps:
        sys.exit(1)


def verify(given: Namespace) -> None:
    """Verify a landing zone, and remove strays where that is asked for.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.landing import verification
    from airflow_provider_planet_reports.landing.zone import open_zone

    removed = 0
    with at_work(), progress("Verifying") as tell:
        zone = open_zone(given.destination, given.destination_conn_id)
        if given.remove_strays:
            removed = sum(verification.remove_strays(zone, key) for key in zone.find())
        found = verification.verify(
            zone,
            max_workers=given.max_workers,
            on_progress=lambda now: tell(now.reports, now.landed, format_bytes(now.bytes)),
        )
    for finding in found.findings:
        _print(f"{finding.kind}  {finding.uri}  {finding.what}")
    gone = f"{counted(removed, 'stray')} removed, " if given.remove_strays else ""
    _print(
        f"{counted(found.reports, 'report')}, {counted(found.files, 'file')}, "
        f"{format_bytes(found.bytes)}: {gone}{counted(len(found.findings), 'finding')}."
    )
    damaged = [each.uri for each in found.findings if each.kind != "stray"]
    if days := sorted(filter(None, (_day_of(zone, uri) for uri in damaged))):
        options = {"--overwrite": "", "--start": days[0], "--end": days[-1]}
        sys.stderr.write(f"Land these days again: {_land_command(given, options)}\n")
    if found.findings:
        sys.exit(1)


def forget(given: Namespace) -> None:
    """Delete landed reports.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.landing import verification
    from airflow_provider_planet_reports.landing.zone import day, open_zone

    if not given.report_ids and not given.before:
        sys.exit("Say what to forget: ids of reports, or --before with a date.")
    with at_work(), progress("Forgetting") as tell:
        before = given.before and day("before", given.before)
        zone = open_zone(given.destination, given.destination_conn_id)
        keys = [
            key
            for key in verification.stored_reports(zone)
            if (not given.report_ids or key.report_id in given.report_ids)
            and (not before or (key.data_date or "~") < before)
        ]
        if not given.dry_run:
            for number, key in enumerate(keys, 1):
                verification.forget(zone, key)
                tell(number, len(keys), "")
    for key in keys:
        _print(zone.store.uri(key.folder))
    done = "Would forget" if given.dry_run else "Forgot"
    _print(f"{done} {counted(len(keys), 'report')}.")
    missing = {*given.report_ids} - {key.report_id for key in keys}
    if missing:
        sys.exit(f"Not found: {', '.join(sorted(missing))}.")


def show_listings(given: Namespace) -> None:
    """Show which listings the API has.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.cli.listings import COLUMNS, listings
    from airflow_provider_planet_reports.hooks.planet_reports import PlanetReportsHook

    with at_work():
        hook = PlanetReportsHook(given.conn_id)
        rows = list(listings(hook.api_spec(), hook.api.session.base_url))
    _print_table(COLUMNS, rows)


def _day_of(zone: LandingZone, uri: str) -> str | None:
    """Return the day of the report that a file or receipt belongs to."""
    from airflow_provider_planet_reports.landing.layout import ReportKey

    key = uri.removeprefix(zone.store.uri(""))
    report = ReportKey.of_receipt(key) or ReportKey.of_file(key)
    return report and report.data_date


def _land_command(given: Namespace, options: Mapping[str, str | None]) -> str:
    """Return the command that lands in the same destination.

    :param given: the command line, parsed.
    :param options: further options; those that are None are left out, an empty one takes no value.
    """
    options = {"--destination-conn-id": given.destination_conn_id, **options}
    words = [word for name, value in options.items() if value is not None for word in (name, value)]
    package = ["python", "-m", "airflow_provider_planet_reports"]
    return shlex.join([*package, "land", given.destination, *filter(None, words)])


def _what_to_do(given: Namespace, found: Completeness) -> Iterator[str]:
    """Yield a line for each kind of finding."""
    from airflow_provider_planet_reports.landing.scope import end_of_month

    if late := found.periods_that("no report"):
        yield (
            f"Planet has no report for {', '.join(late[:_PERIODS_SHOWN])}"
            f"{' …' if len(late) > _PERIODS_SHOWN else ''}: one that is late is landed by a later "
            "run; for days long past, ask Planet."
        )
    if missing := found.periods_that("not landed"):
        first, last = missing[0], missing[-1]
        if found.cadence == "monthly":  # the API takes days
            first, last = (
                f"{first}-01",
                end_of_month(dt.date.fromisoformat(f"{last}-01")).isoformat(),
            )
        options = {
            "--conn-id": given.conn_id if given.conn_id != DEFAULT_CONN_ID else None,
            "--org-id": given.org_id,
            "--plan-id": given.plan_id,
            "--report-type": given.report_type,
            "--cadence": found.cadence,
            "--start": first,
            "--end": last,
            "--path": given.path,
        }
        yield f"Land what is missing: {_land_command(given, options)}"
    if found.periods_that("duplicate"):
        yield (
            "Of duplicates, the warehouse's views count one; the other can stay. Name it in "
            "except_reports of a DAG's check."
        )


def _filters(given: Namespace) -> dict[str, Any]:
    return {name: getattr(given, name, None) for name in Filters.names()}


@contextmanager
def at_work() -> Iterator[None]:
    """Let connections be found where Airflow has them, and end with a message, not a traceback.

    :return: a context for the command's work. Meanwhile whatever is printed goes to standard
        error: Airflow logs to standard output.
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


def _print_table(columns: Sequence[str], found: Iterable[Mapping[str, Any]]) -> None:
    rows = [columns, *([_cell(each.get(name)) for name in columns] for each in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        _print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def _cell(value: Any) -> str:
    return "-" if value is None else one_line(str(value))


def _print(text: str) -> None:
    if text:
        sys.stdout.write(f"{text}\n")
