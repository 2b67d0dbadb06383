"""Landing a report of given bytes, for tests of the landing zone."""

from __future__ import annotations

from airflow_provider_planet_reports.client.report import Report
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.report_landing import ReportLanding
from airflow_provider_planet_reports.landing.stores.interface import Store


def land(
    store: Store, report: Report, *parts: bytes, overwrite: bool = False, run: str | None = None
) -> Receipt | None:
    """Land a report as a run does."""
    key = ReportKey.of(report)
    landing = ReportLanding(store, key, [entry.key for entry in store.list(key.folder)])
    try:
        if overwrite:
            landing.begin(overwrite=True)
        for data in parts:
            part = landing.next_part()
            part.write(data[:4])
            part.write(data[4:])
            part.commit()
        return landing.finish(
            report.redacted_dict(), {"dag_id": "d", **({"run_id": run} if run else {})}
        )
    finally:
        landing.abandon()


def files_of(receipt: Receipt | None) -> list[str]:
    """The keys of a report's files."""
    assert receipt is not None
    return [file.name for file in receipt.files]
