"""What tables and columns are called, by one rule for all warehouses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from airflow_provider_planet_reports.landing.layout import ReportKey

#: Our own columns, in front of those of the files.
OWN_COLUMNS = {
    "_load_id": "BIGINT",  # of the ledger
    "_report_id": "TEXT",
    "_plan_id": "TEXT",
    "_data_date": "DATE",
    "_row": "BIGINT",  # counted over all files of the report
    "_fields": "BIGINT",  # as many as the line had, without empty ones beyond the header's
    "_more": "TEXT",  # the fields beyond the header's, as a JSON list
}
#: System columns of PostgreSQL, which no table may have.
_SYSTEM_COLUMNS = {"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}
#: Bytes that PostgreSQL allows; it cuts longer names without a word.
_LONGEST_NAME = 63


def table_of(key: ReportKey) -> str:
    """Return the name of a report's table, for example ``summary_daily``."""
    name = f"{key.report_type or 'unknown'}_{key.cadence or 'unknown'}"
    return _shortened(name, _LONGEST_NAME)


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Return a column's name for each field of a header.

    They are the header's own. A name that is taken gets a number: by an earlier field, by a column
    of ours, or by a system column of PostgreSQL. Upper and lower case do not distinguish columns,
    as in DuckDB.
    """
    names: list[str] = []
    taken = {*OWN_COLUMNS, *_SYSTEM_COLUMNS}
    for number, field in enumerate(header, 1):
        wanted = field.strip() or f"column_{number}"
        for again in itertools.count(1):
            ending = f"_{again}" if again > 1 else ""
            name = _shortened(wanted, _LONGEST_NAME - len(ending)) + ending
            if name.casefold() not in taken:
                break
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    return '"{}"'.format(name.replace('"', '""'))


def _shortened(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")
