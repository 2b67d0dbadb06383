"""The landing zone in object storage: layout, receipts, commit protocol. Knows no HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


def landed_reports(
    destination: str | ObjectStoragePath,
    destination_conn_id: str | None = None,
    *,
    org_id: str | int | None = None,
    plan_id: str | int | None = None,
    report_type: str | None = None,
    cadence: str | None = None,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield what is landed in a destination, from its receipts alone, oldest data first.

    For tasks that use landed reports, whichever run landed them: a load, a check, an export. Inside
    a task, or wherever Airflow's connections can be read.

    :param destination: the landing zone, as ``ObjectStoragePath`` or URL
        (``s3://conn_id@bucket/prefix``, ``gs://``, ``abfs://``, ``file://``).
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param org_id: only reports of this organization.
    :param plan_id: only reports of this plan.
    :param report_type: only ``detailed`` or ``summary`` reports.
    :param cadence: only ``daily`` or ``monthly`` reports.
    :param start: only data from this day on, a date or ``YYYY-MM-DD``.
    :param end: only data up to this day, inclusive.
    :return: one dict per report: ``report_id``, ``org_id``, ``plan_id``, ``report_type``,
        ``cadence``, ``data_date_start``, ``data_date_end``, ``files`` (a list of dicts with
        ``uri``, ``bytes``, ``sha256``, ``rows``) and ``receipt`` (its address).
    :raises InvalidInput: if the destination or a day is not valid.
    :raises UnreadableReceipt: after all others were yielded, if receipts could not be read; it
        names them.
    :raises DestinationError: if the destination cannot be read.
    """
    from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
    from airflow_provider_planet_reports.landing.zone import open_zone, same_id

    zone = open_zone(destination, destination_conn_id)
    keys = zone.find(
        report_type=report_type,
        cadence=cadence,
        plan_id=plan_id,
        start=_day("start", start),
        end=_day("end", end),
    )
    unreadable = []
    for _, receipt in zone.receipts(keys):
        if isinstance(receipt, UnreadableReceipt):
            unreadable.append(receipt)
        elif receipt and (org_id is None or same_id(receipt.report.get("org_id"), org_id)):
            yield zone.describe(receipt)
    if unreadable:
        raise UnreadableReceipt("\n".join(map(str, unreadable)))


def _day(name: str, value: str | dt.date | None) -> str | None:
    from airflow_provider_planet_reports.errors import InvalidInput

    if value is None or value == "":
        return None
    if isinstance(value, dt.date):
        return f"{value:%Y-%m-%d}"
    try:
        return dt.date.fromisoformat(value).isoformat()
    except ValueError:
        raise InvalidInput(f"{name}={value!r} is not a day: write it as YYYY-MM-DD.") from None
