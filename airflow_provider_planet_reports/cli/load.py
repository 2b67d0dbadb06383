"""The command that loads a warehouse."""

from __future__ import annotations

import sys
from argparse import Namespace

from airflow_provider_planet_reports.cli.commands import at_work
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.quantities import counted


def load(given: Namespace) -> None:
    """Load what is landed and not loaded.

    :param given: the command line, parsed.
    """
    from airflow_provider_planet_reports.warehouse import load_reports

    filters = ("org_id", "plan_id", "report_type", "cadence", "start", "end")
    with at_work():
        outcome = load_reports(
            given.source,
            given.warehouse,
            source_conn_id=given.source_conn_id,
            warehouse_conn_id=given.warehouse_conn_id,
            required_columns=given.required_column,
            except_reports=given.except_report,
            columns=dict(map(_pair, given.column)),
            remove_missing=given.remove_missing,
            **{name: getattr(given, name) for name in filters},
        )
    for name, error in outcome.failures:
        sys.stderr.write(f"{name}: {error}\n")
    for table, rows in sorted(outcome.tables.items()):
        sys.stdout.write(f"{table}  {counted(rows, 'row')}\n")
    loaded = counted(outcome.reports, "report")
    sys.stdout.write(f"{loaded} loaded, {len(outcome.failures)} failed.\n")
    if outcome.failures:
        sys.exit(1)


def _pair(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not equals:
        raise InvalidInput(f"--column {text!r} has no '=': write OURS=THEIRS, usage=Quota.")
    return ours, theirs
