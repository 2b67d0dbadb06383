"""The commands and their arguments, described once for Airflow's parser and for our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_planet_reports.client.filters import CADENCES, REPORT_TYPES

GROUP = "planet-reports"
DEFAULT_CONN_ID = "planet_reports_default"
SUMMARY = "List, land, load, check, verify and forget Planet's usage reports"


@dataclass(frozen=True)
class Argument:
    """One argument.

    :param flags: its name, or its options.
    :param settings: what ``argparse`` takes besides.
    """

    flags: tuple[str, ...]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Command:
    """One command.

    :param name: what it goes by.
    :param function: its module in this package, and its function.
    :param summary: one line for people.
    :param arguments: its arguments.
    """

    name: str
    function: str
    summary: str
    arguments: tuple[Argument, ...]


def _argument(*flags: str, **settings: Any) -> Argument:
    return Argument(flags, settings)


_DESTINATION_HELP = "s3://connection@bucket/prefix, gs://, abfs:// or file:///folder"
_DESTINATION_CONN_ID = _argument(
    "--destination-conn-id", help="connection for the destination, where its URL names none"
)
_CONN_ID = _argument("--conn-id", default=DEFAULT_CONN_ID, help="connection of type planet_reports")
_LANDED_FILTERS = (
    _argument("--org-id", help="organization; by default the connection's, else the key's own"),
    _argument("--plan-id", help="plan"),
    _argument("--report-type", choices=REPORT_TYPES, help="type of report"),
    _argument("--cadence", choices=CADENCES, help="how often a report is made"),
    _argument("--start", metavar="YYYY-MM-DD", help="first day, inclusive"),
    _argument("--end", metavar="YYYY-MM-DD", help="last day, inclusive"),
)
_FILTERS = (
    *_LANDED_FILTERS,
    _argument("--page-size", help="reports per page; by default as large as the server allows"),
    _argument("--path", help="another listing of the same shape, relative to the base URL"),
    _CONN_ID,
)
_MAX_WORKERS = _argument(
    "--max-workers", type=int, default=16, help="files under way at a time, 16 by default"
)

COMMANDS = (
    Command(
        "list",
        "commands.list_reports",
        "List reports, or those that are not landed yet",
        (
            *_FILTERS,
            _argument("--destination", help=f"leave out what is landed there: {_DESTINATION_HELP}"),
            _DESTINATION_CONN_ID,
            _argument(
                "--output", choices=("table", "plain", "json"), default="table",
                help="a table, ids alone, or the API's own objects",
            ),
        ),
    ),
    Command(
        "land",
        "commands.land",
        "Land reports in object storage",
        (
            _argument("destination", help=_DESTINATION_HELP),
            _DESTINATION_CONN_ID,
            *_FILTERS,
            _MAX_WORKERS,
            _argument("--overwrite", action="store_true", help="land again what is landed"),
            _argument(
                "--row-count-check", choices=("ignore", "warn", "fail"), default="warn",
                help="for a report with another number of rows than Planet announced",
            ),
        ),
    ),
    Command(
        "check",
        "commands.check",
        "Say of which days Planet has no report, or one that is not landed",
        (
            _argument("destination", help=_DESTINATION_HELP),
            _DESTINATION_CONN_ID,
            *_FILTERS,
            _argument(
                "--output", choices=("table", "plain", "json"), default="table",
                help="a table, days or months that lack something, or all that was found",
            ),
        ),
    ),
    Command(
        "load",
        "load.load",
        "Load what is landed and not loaded into a warehouse",
        (
            _argument("source", help=f"the landing zone: {_DESTINATION_HELP}"),
            _argument("warehouse", help="duckdb:///path.duckdb or postgres://connection@/schema"),
            _argument("--source-conn-id", help="connection for the landing zone"),
            _argument("--warehouse-conn-id", help="connection for PostgreSQL"),
            *_LANDED_FILTERS,
            _argument(
                "--required-column", action="append", default=[], metavar="NAME",
                help="refuse reports that lack this column; may be given again",
            ),
            _argument(
                "--except-report", action="append", default=[], metavar="ID",
                help="leave out this report; may be given again",
            ),
            _argument(
                "--column", action="append", default=[], metavar="OURS=THEIRS",
                help="what the files call a column that the views need, for example usage=Quota",
            ),
            _argument(
                "--remove-missing", action="store_true",
                help="remove the rows of reports that are not landed any more",
            ),
        ),
    ),
    Command(
        "verify",
        "commands.verify",
        "Compare all that is landed with its receipts: what is missing, torn or stray",
        (
            _argument("destination", help=_DESTINATION_HELP),
            _DESTINATION_CONN_ID,
            _MAX_WORKERS,
            _argument(
                "--remove-strays", action="store_true",
                help="first remove files of landed reports that no receipt names",
            ),
        ),
    ),
    Command(
        "forget",
        "commands.forget",
        "Delete landed reports: receipts, then files; not while a run lands them",
        (
            _argument("destination", help=_DESTINATION_HELP),
            _argument("report_ids", nargs="*", help="ids of the reports"),
            _DESTINATION_CONN_ID,
            _argument("--before", metavar="YYYY-MM-DD", help="only data of days before this one"),
            _argument("--dry-run", action="store_true", help="only print what would be deleted"),
        ),
    ),
    Command(
        "listings",
        "commands.show_listings",
        "Show which listings the API's own specification has, and which --path reaches",
        (_CONN_ID,),
    ),
)  # fmt: skip
