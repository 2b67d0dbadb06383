"""The landing zone in object storage: layout, receipts, commit protocol. Knows no HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath


def landed_reports(
    destination: str | ObjectStoragePath,
    destination_conn_id: str | None = None,
    *,
    org_id: str | int | None = None,
    **filters: Any,
) -> Iterator[dict[str, Any]]:
    """Yield what is landed in a destination, from its receipts alone, oldest data first.

    For tasks that use landed reports, whichever run landed them: a load, a check, an export. Inside
    a task, or wherever Airflow's connections can be read.

    :param destination: the landing zone, as ``ObjectStoragePath`` or URL
        (``s3://conn_id@bucket/prefix``, ``gs://``, ``abfs://``, ``file://``).
    :param destination_conn_id: connection for the destination, where its URL names none.
    :param org_id: only reports of this organization.
    :param filters: ``plan_id``, ``report_type``, ``cadence``, ``start`` and ``end`` (a date or
        ``YYYY-MM-DD``, inclusive), each as in a listing; by default any.
    :return: one dict per report: ``report_id``, ``org_id``, ``plan_id``, ``report_type``,
        ``cadence``, ``data_date_start``, ``data_date_end``, ``files`` (a list of dicts with
        ``uri``, ``bytes``, ``sha256``, ``rows``) and ``receipt`` (its address).
    :raises InvalidInput: if the destination or a day is not valid.
    :raises UnreadableReceipt: after all others were yielded, if receipts could not be read; it
        names them.
    :raises DestinationError: if the destination cannot be read.
    """
    from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
    from airflow_provider_planet_reports.landing.zone import open_zone

    zone = open_zone(destination, destination_conn_id)
    unreadable: list[str] = []
    found = zone.receipts(
        zone.find(**filters), org_id, lambda _, error: unreadable.append(str(error))
    )
    yield from map(zone.describe, found)
    if unreadable:
        raise UnreadableReceipt("\n".join(unreadable))
