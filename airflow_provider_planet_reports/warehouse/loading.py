"""One load: what is landed and not loaded, or landed anew since, goes into the warehouse."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.side_by_side import side_by_side
from airflow_provider_planet_reports.landing.zone import LandingZone, day, same_id
from airflow_provider_planet_reports.quantities import counted
from airflow_provider_planet_reports.warehouse.database import Database
from airflow_provider_planet_reports.warehouse.errors import WarehouseUnavailable
from airflow_provider_planet_reports.warehouse.fetching import Fetched, failure, fetch
from airflow_provider_planet_reports.warehouse.ledger import Loaded, is_loaded
from airflow_provider_planet_reports.warehouse.names import table_of
from airflow_provider_planet_reports.warehouse.workspace import workspace

log = logging.getLogger(__name__)

#: Files in one transaction, and their bytes: they are on the local disk meanwhile.
_BATCH_FILES = 500
_BATCH_BYTES = 256 * 2**20
#: Files are fetched side by side: small ones are a matter of round trips.
_FETCHERS = 32
_SECONDS_BETWEEN_LINES = 30.0


@dataclass
class LoadOutcome:
    """What a load did.

    :param reports: reports loaded.
    :param rows: rows loaded.
    :param tables: rows loaded by table.
    :param failures: reports that could not be loaded, each by name with the reason.
    :param missing: reports that are loaded and not landed any more.
    :param by_us: receipts of what this run has loaded, in this try or an earlier one.
    """

    reports: int = 0
    rows: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, PlanetReportsError]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    by_us: list[Receipt] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON-safe object."""
        return {"reports": self.reports, "rows": self.rows, "tables": self.tables}


@dataclass(frozen=True)
class LoadingRun:
    """A load of what is landed in a zone.

    :param zone: the landing zone.
    :param database: the warehouse.
    :param required_columns: columns that each file has to have.
    :param except_reports: ids of reports that are left alone.
    :param remove_missing: whether rows go of reports that are not landed any more.
    :param loaded_by: who loads; empty outside of Airflow.
    """

    zone: LandingZone
    database: Database
    required_columns: tuple[str, ...] = ()
    except_reports: Collection[str] = ()
    remove_missing: bool = False
    loaded_by: str = ""

    def run(self, *, org_id: str | int | None = None, **filters: Any) -> LoadOutcome:
        """Load what is landed and not loaded, or landed anew since.

        :param org_id: only reports of this organization.
        :param filters: as in :meth:`.LandingZone.find`.
        :return: what was loaded, and what could not be.
        :raises WarehouseError: if the warehouse fails as a whole.
        :raises DestinationError: if the landing zone cannot be read.
        """
        outcome = LoadOutcome()
        self.database.prepare()
        ledger = self.database.ledger()
        etags = self.zone.find(**filters)
        read = [*self._read(etags, ledger, org_id, outcome)]
        work = [receipt for receipt in read if not is_loaded(receipt, ledger)]
        if not etags:
            log.warning("Nothing that matches is landed in %s: check it.", self.zone.store.uri(""))
        log.info("Found %s, %d to load.", counted(len(etags), "landed report"), len(work))
        with workspace() as folder:
            done, last_line = 0, time.monotonic()
            for batch in _batches(work):
                self._load_batch(batch, folder, outcome)
                done += len(batch)
                if time.monotonic() - last_line > _SECONDS_BETWEEN_LINES and done < len(work):
                    last_line = time.monotonic()
                    log.info(
                        "Loaded %d of %d reports, %d rows; %d reports left.",
                        outcome.reports, len(work), outcome.rows, len(work) - done,
                    )  # fmt: skip
        if org_id is None:
            self._handle_missing(ledger, etags, filters, outcome)
        self.database.keep_etags((receipt, etags[receipt.key]) for receipt in read)
        if self.loaded_by:
            ledger = self.database.ledger()
            outcome.by_us = [
                receipt for receipt in read if self._is_ours(ledger.get(receipt.key.receipt))
            ]
        return outcome

    def _read(
        self,
        etags: Mapping[ReportKey, str],
        ledger: Mapping[str, Loaded],
        org_id: str | int | None,
        outcome: LoadOutcome,
    ) -> Iterator[Receipt]:
        """Read those receipts that are not as they were when their reports were loaded.

        What an earlier try of this task instance has loaded is read, too: it is to be told of.
        """
        excepted = {str(each) for each in self.except_reports}

        def is_to_be_read(key: ReportKey) -> bool:
            loaded = ledger.get(key.receipt)
            same = loaded is not None and loaded.etag == etags[key] != ""
            return key.report_id not in excepted and (not same or self._is_ours(loaded))

        def fail(key: ReportKey, error: PlanetReportsError) -> None:
            outcome.failures.append((key.report_id, error))

        return self.zone.receipts(filter(is_to_be_read, etags), org_id, fail)

    def _is_ours(self, loaded: Loaded | None) -> bool:
        return loaded is not None and loaded.loaded_by == self.loaded_by != ""

    def _load_batch(self, batch: Sequence[Receipt], folder: Path, outcome: LoadOutcome) -> None:
        def fetched(numbered: tuple[int, Receipt]) -> Fetched | None:
            number, receipt = numbered
            try:
                return fetch(self.zone, receipt, folder / str(number), self.required_columns)
            except PlanetReportsError as error:
                outcome.failures.append((receipt.report_id, error))
                return None

        here = side_by_side(self.zone.store, fetched, enumerate(batch), threads=_FETCHERS)
        reports = [each for each in here if each]
        for each in reports:
            if each.oddity:
                log.warning("Report %r: %s", each.receipt.report_id, each.oddity)
        for loaded in self._load(reports, outcome):
            table = table_of(loaded.receipt.key)
            outcome.reports += 1
            outcome.rows += loaded.rows
            outcome.tables[table] = outcome.tables.get(table, 0) + loaded.rows
        for left in folder.iterdir():
            left.unlink()

    def _load(self, reports: Sequence[Fetched], outcome: LoadOutcome) -> Iterator[Fetched]:
        """Load reports in one transaction; where that fails, halves of them, down to each alone.

        What a database reads in its own way is then read by Python, and tried once more.
        """
        if not reports:
            return
        try:
            yield from self.database.load(reports, self.zone.store.uri(""), self.loaded_by)
        except WarehouseUnavailable:
            raise
        except Exception as error:  # each database has its own
            middle = len(reports) // 2
            if middle:
                yield from self._load(reports[:middle], outcome)
                yield from self._load(reports[middle:], outcome)
                return
            (report,) = reports
            if any(not file.rewritten and file.rows for file in report.files):
                try:
                    yield from self._load([report.rewritten()], outcome)
                except PlanetReportsError as again:
                    outcome.failures.append((report.receipt.report_id, again))
            else:
                key = report.receipt.key
                outcome.failures.append((key.report_id, failure(key, error)))

    def _handle_missing(
        self,
        ledger: Mapping[str, Loaded],
        keys: Collection[ReportKey],
        filters: Mapping[str, Any],
        outcome: LoadOutcome,
    ) -> None:
        """Name what is loaded from this zone and not landed any more; remove it where asked."""
        landed = {key.receipt for key in keys}
        missing = [
            loaded
            for receipt, loaded in ledger.items()
            if receipt not in landed
            and loaded.source == self.zone.store.uri("")
            and (key := ReportKey.of_receipt(receipt))
            and _matches(key, **filters)
        ]
        outcome.missing = sorted(loaded.report_id for loaded in missing)
        if not missing:
            return
        names = ", ".join(outcome.missing[:10]) + (" …" if len(missing) > 10 else "")
        if self.remove_missing:
            self.database.remove(missing)
            how_many = counted(len(missing), "report")
            log.info("Removed %s, not landed any more: %s.", how_many, names)
        else:
            log.warning(
                "Loaded and not landed any more: %s; remove_missing=True removes them: %s.",
                counted(len(missing), "report"), names,
            )  # fmt: skip


def _batches(work: Iterable[Receipt]) -> Iterator[list[Receipt]]:
    """Yield reports, oldest first, as many together as go into one transaction."""
    batch: list[Receipt] = []
    files = size = 0
    for receipt in work:
        theirs = sum(file.bytes for file in receipt.files)
        if batch and (files + len(receipt.files) > _BATCH_FILES or size + theirs > _BATCH_BYTES):
            yield batch
            batch, files, size = [], 0, 0
        batch.append(receipt)
        files += len(receipt.files)
        size += theirs
    if batch:
        yield batch


def _matches(
    key: ReportKey,
    *,
    report_type: str | None = None,
    cadence: str | None = None,
    plan_id: str | int | None = None,
    start: str | dt.date | None = None,
    end: str | dt.date | None = None,
) -> bool:
    """Whether :meth:`.LandingZone.find` would find a report with these filters."""
    first, last = day("start", start), day("end", end)
    date = key.data_date or "~"
    return (
        (report_type is None or same_id(key.report_type, report_type))
        and (cadence is None or same_id(key.cadence, cadence))
        and (plan_id is None or same_id(key.plan_id, plan_id))
        and (not first or (key.data_date is not None and date >= first))
        and (not last or date <= last)
    )
