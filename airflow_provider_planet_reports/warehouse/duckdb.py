"""A warehouse in a DuckDB file."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.errors import MissingPackage
from airflow_provider_planet_reports.warehouse.csv_files import CsvFile
from airflow_provider_planet_reports.warehouse.database import Database, literal
from airflow_provider_planet_reports.warehouse.errors import WarehouseError, WarehouseRefused
from airflow_provider_planet_reports.warehouse.names import OWN_COLUMNS, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

log = logging.getLogger(__name__)

#: Seconds to wait while another process has the file open, and between two attempts.
PATIENCE = 600.0
_POLL = 0.5
#: How DuckDB names the process that has a file open.
_HOLDER = re.compile(r"held in (.+? \(PID \d+\))")
#: DuckDB takes four fifths of the machine's memory by default, which a worker shares.
_SETTINGS: dict[str, str | int | float | list[str]] = {"memory_limit": "256MiB", "threads": 2}
#: Bytes of the longest line that DuckDB reads by default.
_LINE = 2 * 2**20


class DuckDBDatabase(Database):
    """A DuckDB file, open for writing, or for reading alone.

    One process at a time can write a DuckDB file, and none can read it meanwhile: this waits.

    :param path: the file.
    :param read_only: whether to open it for reading alone.
    """

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self._db = _connect(path, read_only=read_only)
        self._db.execute("SET enable_progress_bar = false")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement."""
        if parameters:
            return self._db.execute(sql.replace("%s", "?"), list(parameters)).fetchall()
        return self._db.execute(sql).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin a transaction: no other process can have the file open."""
        self._db.begin()
        try:
            yield
        except BaseException:
            self._db.rollback()
            raise
        self._db.commit()

    def tune(self, table: str) -> None:
        """Do nothing: DuckDB knows the smallest and largest value of each block."""

    def add_rows(
        self, table: str, columns: Sequence[str], batch: Sequence[tuple[CsvFile, Sequence[Any]]]
    ) -> None:
        """Add the rows of files with one statement."""
        theirs = [f"c{number}" for number in range(len(columns))]
        fields, own = theirs, f"{len(columns)}, NULL"
        rewritten = batch[0][0].rewritten
        if rewritten:
            fields, own = ["_fields", "_more", *theirs], "CAST(_fields AS BIGINT), _more"
        names = ", ".join(map(quoted, [*OWN_COLUMNS, *columns]))
        kinds = ", ".join(f"'{name}': 'VARCHAR'" for name in fields)
        paths = ", ".join(literal(str(file.path)) for file, _ in batch)
        longest = max(_LINE, *(file.longest for file, _ in batch))
        # Rows come in the order of the files, so each file's begin where the one before ends.
        begin, origins = 0, []
        for file, (load_id, *texts, before) in batch:
            shown = ", ".join("NULL" if each is None else literal(each) for each in texts)
            origins.append(f"({literal(str(file.path))}, {load_id}, {shown}, {before - begin})")
            begin += file.rows
        # Line ends are known in what was rewritten, and lines in quotes may be long there.
        certain = ", new_line = '\\r\\n', parallel = false" if rewritten else ""
        if longest > _LINE:  # otherwise, before DuckDB 2, the buffer is 16 times as large
            certain += f", buffer_size = {longest}"
        # The dialect is stated, not sniffed: a guess could differ from file to file.
        self._db.execute(
            f"INSERT INTO {quoted(table)} ({names}) "
            "SELECT load_id, report_id, plan_id, CAST(data_date AS DATE), number + before, "
            f"{own}, {', '.join(theirs)} "
            f"FROM (SELECT *, row_number() OVER () AS number FROM read_csv([{paths}], "
            f"columns = {{{kinds}}}, auto_detect = false, header = false, "
            f"skip = {0 if rewritten else 1}, delim = ',', quote = '\"', escape = '\"', "
            f"comment = '', nullstr = '', max_line_size = {longest}, filename = 'file'{certain})) "
            f"JOIN (VALUES {', '.join(origins)}) "
            "AS origin (file, load_id, report_id, plan_id, data_date, before) USING (file)"
        )


def _connect(path: str, *, read_only: bool) -> DuckDBPyConnection:
    try:
        import duckdb
    except ImportError:
        raise MissingPackage("duckdb", "duckdb://") from None
    deadline, told = time.monotonic() + PATIENCE, False
    while True:
        try:
            return duckdb.connect(path, read_only=read_only, config=_SETTINGS)
        except duckdb.Error as error:
            busy = "lock" in str(error) or "different configuration" in str(error)
            if not busy:
                reason = " ".join(str(error).split())[:300]
                kind = WarehouseRefused if Path(path).exists() else WarehouseError
                raise kind(
                    f"DuckDB file cannot be opened: check its path and the rights of this user. "
                    f"{path} ({reason})"
                ) from None
            named = _HOLDER.search(str(error))
            holder = named[1] if named else "another process"
            if time.monotonic() > deadline:
                raise WarehouseError(
                    f"DuckDB file in use for {PATIENCE:.0f} s: end the process that has it open, "
                    f"{holder}. {path}"
                ) from None
        if not told:  # a warning, which a command shows, too
            log.warning("%s is in use by %s; waiting up to %.0f s.", path, holder, PATIENCE)
            told = True
        time.sleep(_POLL)
