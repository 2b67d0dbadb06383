"""What all warehouses of ours have in common: the ledger, the tables, one transaction a batch."""

from __future__ import annotations

import datetime as dt
import itertools
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.warehouse.csv_files import CsvFile, groups
from airflow_provider_planet_reports.warehouse.errors import WarehouseError
from airflow_provider_planet_reports.warehouse.fetching import Fetched
from airflow_provider_planet_reports.warehouse.ledger import (
    LEDGER,
    Loaded,
    digests,
    first_landed_by,
    is_loaded,
)
from airflow_provider_planet_reports.warehouse.names import OWN_COLUMNS, quoted, table_of


class Database(ABC):
    """A warehouse that is open."""

    @abstractmethod
    def close(self) -> None:
        """End the connection."""

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, whose parameters are written ``%s``; return its rows."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[None]:
        """Begin a transaction that no other load runs beside; end it with the block."""

    @abstractmethod
    def tune(self, table: str) -> None:
        """Prepare a new table for :meth:`add_rows` and for finding the rows of a load.

        :param table: its name.
        """

    @abstractmethod
    def add_rows(
        self, table: str, columns: Sequence[str], batch: Sequence[tuple[CsvFile, Sequence[Any]]]
    ) -> None:
        """Add the rows of files that have the same columns.

        :param table: the table.
        :param columns: the table's names for the files' columns, in the files' order.
        :param batch: the files, each with its values for our columns before ``_row``, and the
            number of rows before its first one.
        """

    def columns_of(self, table: str) -> dict[str, str]:
        """Return the names of a table's columns by their names in lower case; none for no table."""
        found = self.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s "
            "AND table_catalog = current_database() AND table_schema = current_schema()",
            [table],
        )
        return {name.casefold(): name for (name,) in found}

    def prepare(self) -> None:
        """Create the ledger where there is none."""
        columns = ", ".join(f"{name} {kind}" for name, kind in LEDGER.items())
        with self.transaction():
            self.execute("CREATE SEQUENCE IF NOT EXISTS load_ids")
            self.execute(f"CREATE TABLE IF NOT EXISTS loaded_reports ({columns})")

    def ledger(self, keys: Iterable[ReportKey] | None = None) -> dict[str, Loaded]:
        """Return what is loaded, by the keys of the receipts.

        :param keys: reports; by default all.
        """
        some = "" if keys is None else " WHERE receipt IN (SELECT unnest(CAST(%s AS TEXT[])))"
        rows = self.execute(
            f"SELECT {', '.join(Loaded._fields)} FROM loaded_reports{some}",
            [] if keys is None else [[key.receipt for key in keys]],
        )
        return {row[0]: Loaded(*row) for row in rows}

    def load(self, reports: Sequence[Fetched], source: str, loaded_by: str) -> list[Fetched]:
        """Load reports in one transaction, each in the place of its earlier edition.

        :param reports: the reports.
        :param source: address of their landing zone.
        :param loaded_by: who loads them.
        :return: those that were not loaded yet, by another run meanwhile.
        """
        with self.transaction():
            known = self.ledger(each.receipt.key for each in reports)
            new = [each for each in reports if not is_loaded(each.receipt, known)]
            if not new:
                return []
            tables = {each.receipt.key: table_of(each.receipt.key) for each in new}
            # Tables before rows: DuckDB does not alter a table that this transaction has changed.
            names = {
                table: self._table([each for each in new if tables[each.receipt.key] == table])
                for table in dict.fromkeys(tables.values())
            }
            self._forget([known[key] for each in new if (key := each.receipt.key.receipt) in known])
            numbers = self.execute(
                f"SELECT nextval('load_ids') FROM generate_series(1, {len(new)}) AS numbers"
            )
            load_ids = {
                each.receipt.key: int(number) for each, (number,) in zip(new, numbers, strict=True)
            }
            for table, columns in names.items():
                of_table = [each for each in new if tables[each.receipt.key] == table]
                numbered = [(load_ids[each.receipt.key], each) for each in of_table]
                self._add(table, columns, numbered)
            self._write(new, load_ids, source, loaded_by)
        return new

    def keep_etags(self, receipts: Iterable[tuple[Receipt, str]]) -> None:
        """Keep the etags of receipts whose reports are loaded in this edition.

        :param receipts: receipts, each with its etag in a listing before it was read.
        """
        rows = [(each.key.receipt, digests(each), etag) for each, etag in receipts]
        if not rows:
            return
        lists = ", ".join(["unnest(CAST(%s AS TEXT[]))"] * 3)
        with self.transaction():
            self.execute(
                "UPDATE loaded_reports SET etag = seen.etag "
                f"FROM (SELECT {lists}) AS seen (receipt, sha256, etag) "
                "WHERE loaded_reports.receipt = seen.receipt "
                "AND loaded_reports.sha256 = seen.sha256",
                [list(column) for column in zip(*rows, strict=True)],
            )

    def remove(self, reports: Collection[Loaded]) -> None:
        """Remove reports and their rows.

        :param reports: the reports.
        """
        with self.transaction():
            self._forget(reports)

    def _table(self, reports: Sequence[Fetched]) -> dict[str, str]:
        """Create a table, or add the columns that it lacks.

        :param reports: reports whose rows will be added, of this table alone.
        :return: the names of its columns by their names in lower case.
        """
        table = table_of(reports[0].receipt.key)
        there = self.columns_of(table)
        if not there:
            own = ", ".join(f"{name} {kind}" for name, kind in OWN_COLUMNS.items())
            self.execute(f"CREATE TABLE {quoted(table)} ({own})")
            self.tune(table)
            there = {name: name for name in OWN_COLUMNS}
        for each in reports:
            for name in itertools.chain.from_iterable(file.columns for file in each.files):
                if name.casefold() not in there:
                    self.execute(f"ALTER TABLE {quoted(table)} ADD COLUMN {quoted(name)} TEXT")
                    there[name.casefold()] = name
        return there

    def _add(
        self, table: str, names: Mapping[str, str], reports: Sequence[tuple[int, Fetched]]
    ) -> None:
        """Add the rows of reports to a table, and prove that all of them are there."""
        values: dict[CsvFile, list[Any]] = {}
        for load_id, each in reports:
            before = 0
            key = each.receipt.key
            for file in each.files:
                values[file] = [load_id, key.report_id, key.plan_id, date_of(key), before]
                before += file.rows
        for (columns, _), files in groups([*values]).items():
            theirs = [names[name.casefold()] for name in columns]
            self.add_rows(table, theirs, [(file, values[file]) for file in files])
        first = min(load_id for load_id, _ in reports)
        found = dict(
            self.execute(
                f"SELECT _load_id, count(*) FROM {quoted(table)} WHERE _load_id >= %s "
                "GROUP BY _load_id",
                [first],
            )
        )
        for load_id, each in reports:
            if found.get(load_id, 0) != each.rows:
                raise WarehouseError(
                    f"Row count mismatch: nothing of report {each.receipt.report_id!r} was loaded. "
                    f"The warehouse took {found.get(load_id, 0)} rows, the receipt says "
                    f"{each.rows}."
                )

    def _forget(self, reports: Collection[Loaded]) -> None:
        by_table: dict[str, list[Loaded]] = {}
        for each in reports:
            by_table.setdefault(each.table_name, []).append(each)
        for table, old in by_table.items():
            numbers = ", ".join(str(each.load_id) for each in old)
            if self.columns_of(table):  # someone may have dropped it
                self.execute(f"DELETE FROM {quoted(table)} WHERE _load_id IN ({numbers})")
            self.execute(f"DELETE FROM loaded_reports WHERE load_id IN ({numbers})")

    def _write(
        self,
        reports: Sequence[Fetched],
        load_ids: Mapping[ReportKey, int],
        source: str,
        loaded_by: str,
    ) -> None:
        now = dt.datetime.now(dt.timezone.utc).isoformat()
        rows = [
            (
                key.receipt, load_ids[key], table_of(key), key.report_id, key.plan_id, date_of(key),
                each.rows, digests(each.receipt), source, "", each.receipt.first_landed_at,
                first_landed_by(each.receipt), loaded_by, now,
            )
            for each in reports
            for key in [each.receipt.key]
        ]  # fmt: skip
        lists = ", ".join(f"unnest(CAST(%s AS {kind}[]))" for kind in LEDGER.values())
        columns = ", ".join(LEDGER)
        self.execute(
            f"INSERT INTO loaded_reports ({columns}) SELECT {lists}",
            [list(column) for column in zip(*rows, strict=True)],
        )


def date_of(key: ReportKey) -> str | None:
    """Return the day of a report's data; None where it is no date.

    :param key: the report.
    """
    try:
        return dt.date.fromisoformat(key.data_date or "").isoformat()
    except ValueError:
        return None


def literal(value: str) -> str:
    """Return a text as SQL takes it."""
    return "'{}'".format(value.replace("'", "''"))
