"""Landed reports as a dlt source: for every warehouse that dlt knows."""

from __future__ import annotations

import csv
import datetime as dt
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.errors import MissingPackage, PlanetReportsError
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.zone import LandingZone, open_zone
from airflow_provider_planet_reports.warehouse.database import date_of
from airflow_provider_planet_reports.warehouse.fetching import Fetched, fetch
from airflow_provider_planet_reports.warehouse.ledger import digests
from airflow_provider_planet_reports.warehouse.names import table_of
from airflow_provider_planet_reports.warehouse.workspace import workspace

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

_PIECE = 5_000
_OWN_COLUMNS: dict[str, Any] = {
    "_receipt": {"data_type": "text"},
    "_report_id": {"data_type": "text"},
    "_plan_id": {"data_type": "text"},
    "_data_date": {"data_type": "date"},
    "_row": {"data_type": "bigint"},
    "_fields": {"data_type": "bigint"},
    "_more": {"data_type": "text"},
}


def planet_reports(
    source: str | ObjectStoragePath,
    source_conn_id: str | None = None,
    *,
    org_id: str | int | None = None,
    **filters: Any,
) -> Any:
    """Return a dlt source over a landing zone, with one resource for each table.

    ::

        pipeline = dlt.pipeline("planet", destination="bigquery", dataset_name="planet")
        pipeline.run(planet_reports("gs://my_google@bucket/planet"))

    It yields what is landed and not loaded, or landed anew since; dlt keeps that in the pipeline's
    state, at the destination. A report is replaced as a whole: each has a first row with
    ``_row`` 0 and no values, so that a report that has no rows any more loses its old ones, too.
    Leave that row out of queries: ``WHERE _row > 0``. Bytes and rows are compared with the receipt
    before anything is yielded. A report that cannot be read is logged and left to the next run.

    :param source: the landing zone, as ``ObjectStoragePath`` or URL.
    :param source_conn_id: connection for it, where its URL names none.
    :param org_id: only reports of this organization.
    :param filters: ``plan_id``, ``report_type``, ``cadence``, ``start`` and ``end``, as in a
        listing.
    :raises MissingPackage: if dlt is not installed.
    """
    try:
        import dlt
    except ImportError:
        raise MissingPackage("dlt", "this source") from None
    zone = open_zone(source, source_conn_id)
    by_table: dict[str, list[Receipt]] = {}
    for receipt in zone.receipts(zone.find(**filters), org_id):
        by_table.setdefault(table_of(receipt.key), []).append(receipt)

    @dlt.source(name="planet_reports", max_table_nesting=0)
    def landed() -> Iterator[Any]:
        for table, receipts in by_table.items():
            yield dlt.resource(
                _rows(zone, receipts, dlt.current.resource_state),
                name=table,
                write_disposition={"disposition": "merge", "strategy": "delete-insert"},
                merge_key="_receipt",
                columns=_OWN_COLUMNS,
            )

    return landed()


def _rows(
    zone: LandingZone, receipts: Sequence[Receipt], state: Callable[[], dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of those reports that are not loaded in this edition."""
    known: dict[str, str] = state().setdefault("loaded", {})
    with workspace() as folder:
        for receipt in receipts:
            for left in folder.iterdir():
                left.unlink()
            key = receipt.key.receipt
            if known.get(key) == digests(receipt):
                continue
            try:
                report = fetch(zone, receipt, folder / "report")
                report = report and report.rewritten()
            except PlanetReportsError as error:
                log.error("Report %r is not loaded: %s", receipt.report_id, error)
                continue
            if report is None:
                continue
            yield from _pieces(report)
            known[key] = digests(report.receipt)


def _pieces(report: Fetched) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a report, some thousand at a time, a row without values first."""
    key, date = report.receipt.key, date_of(report.receipt.key)
    own: dict[str, Any] = {
        "_receipt": key.receipt,
        "_report_id": key.report_id,
        "_plan_id": key.plan_id,
        "_data_date": date and dt.date.fromisoformat(date),
    }
    number, piece = 0, [{**own, "_row": 0}]
    for file in report.files:
        if not file.rows:
            continue
        with file.path.open(encoding="utf-8", newline="") as stream:
            for size, more, *values in csv.reader(stream):
                number += 1
                given = {
                    name: value or None for name, value in zip(file.columns, values, strict=True)
                }
                line = {"_row": number, "_fields": int(size), "_more": more or None}
                piece.append({**given, **own, **line})
                if len(piece) >= _PIECE:
                    yield piece
                    piece = []
    yield piece
