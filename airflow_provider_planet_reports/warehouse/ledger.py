"""The warehouse's table ``loaded_reports``: which reports are loaded, each in which edition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from airflow_provider_planet_reports.landing.receipt import Receipt

#: One row for each report that is loaded. ``receipt`` identifies the report in any landing zone;
#: ``source`` is the landing zone that it was loaded from, ``etag`` what a listing of it said of the
#: receipt: while it says so, the receipt need not be read.
LEDGER = {
    "receipt": "TEXT", "load_id": "BIGINT", "table_name": "TEXT", "report_id": "TEXT",
    "plan_id": "TEXT", "data_date": "DATE", "rows": "BIGINT", "sha256": "TEXT",
    "source": "TEXT", "etag": "TEXT", "first_landed_at": "TIMESTAMPTZ", "first_landed_by": "TEXT",
    "loaded_by": "TEXT", "loaded_at": "TIMESTAMPTZ",
}  # fmt: skip


class Loaded(NamedTuple):
    """What the ledger says about a report.

    :param receipt: key of its receipt.
    :param load_id: in the column ``_load_id`` of its rows.
    :param table_name: its table.
    :param report_id: its id.
    :param rows: its rows.
    :param sha256: digests of its files; see :func:`digests`.
    :param source: the landing zone that it was loaded from.
    :param loaded_by: who loaded it, empty outside of Airflow.
    :param etag: of its receipt, in a listing before it was read; empty where it is unknown.
    """

    receipt: str
    load_id: int
    table_name: str
    report_id: str
    rows: int
    sha256: str
    source: str
    loaded_by: str
    etag: str


def is_loaded(receipt: Receipt, ledger: Mapping[str, Loaded]) -> bool:
    """Whether a ledger has a report in the edition that is landed.

    :param receipt: its receipt.
    :param ledger: what is loaded.
    """
    found = ledger.get(receipt.key.receipt)
    return found is not None and found.sha256 == digests(receipt)


def digests(receipt: Receipt) -> str:
    """Return what distinguishes a landed report from another edition of it."""
    return " ".join(file.sha256 for file in receipt.files)


def first_landed_by(receipt: Receipt) -> str | None:
    """Return which run landed a report for the first time; None where that is not known.

    :param receipt: its receipt.
    """
    names = ("dag_id", "run_id", "task_id")
    run = [receipt.first_landed_by.get(name) for name in names]
    return json.dumps(run) if any(run) else None
