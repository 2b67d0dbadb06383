"""A warehouse in a schema of a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from airflow_provider_planet_reports.connections import connection
from airflow_provider_planet_reports.errors import MissingPackage
from airflow_provider_planet_reports.warehouse.csv_files import CsvFile
from airflow_provider_planet_reports.warehouse.database import Database
from airflow_provider_planet_reports.warehouse.errors import (
    WarehouseUnavailable,
)
from airflow_provider_planet_reports.warehouse.names import OWN_COLUMNS, quoted

_PIECE = 2**20
#: Of the settings that hold, for each of our columns, the value that copied rows take.
_SETTING = "planet_reports."
#: Those of our columns whose value is the same in all rows of a file.
_SET = [name for name in OWN_COLUMNS if name not in ("_row", "_more")]


class PostgresDatabase(Database):
    """A schema of a PostgreSQL database; it is created where there is none.

    Any number of runs may load at the same time: one transaction at a time writes.

    :param conn_id: connection of type ``postgres``.
    :param schema: the schema.
    """

    def __init__(self, conn_id: str, schema: str) -> None:
        self._schema = schema
        self._where = f"warehouse postgres://{conn_id}@/{schema}"
        self._connection = _connect(conn_id, self._where)
        self._cursor: Any = None

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def prepare(self) -> None:
        """Create the schema and the ledger where there are none."""
        with self.transaction():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(self._schema)}")
            self.execute("CREATE SEQUENCE IF NOT EXISTS row_numbers CACHE 1000")
        super().prepare()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one statement, in a transaction of its own where none is begun."""
        if self._cursor is None:
            with self._begun():
                return self.execute(sql, parameters)
        self._cursor.execute(sql, list(parameters) or None)
        return self._cursor.fetchall() if self._cursor.description else []

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin a transaction, once no other run is in one."""
        with self._begun():
            name = f"airflow_provider_planet_reports {self._schema}"
            self.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
            yield

    @contextmanager
    def _begun(self) -> Iterator[None]:
        with closing(self._connection.cursor()) as cursor:
            self._cursor = cursor
            try:
                # Here, and not once for the connection: a pooler may give each transaction another.
                cursor.execute(f"SET LOCAL search_path TO {quoted(self._schema)}")
                yield
                self._connection.commit()
            except BaseException as error:
                if self._connection.closed:
                    reason = " ".join(str(error).split())[:300]
                    raise WarehouseUnavailable(
                        f"Connection lost: check that PostgreSQL runs, then retry. {self._where} "
                        f"({type(error).__name__}: {reason})"
                    ) from None
                self._connection.rollback()
                raise
            finally:
                self._cursor = None

    def tune(self, table: str) -> None:
        """Let our columns take what is set for the file that is being copied; index the loads.

        COPY calls an immutable function once and any other for each row, which takes as long as
        the rest. These return what is set for the transaction; a load that took another value
        would fail, because it counts its rows by ``_load_id``. The index takes next to no space:
        the rows of a load are side by side.
        """
        defaults = ["ALTER _row SET DEFAULT nextval('row_numbers')"]
        for name in _SET:
            value = f"NULLIF(current_setting('{_SETTING}{name}', TRUE), '')"
            self.execute(
                f"CREATE OR REPLACE FUNCTION copied{name}() RETURNS {OWN_COLUMNS[name]} "
                f"LANGUAGE SQL IMMUTABLE AS $$ SELECT CAST({value} AS {OWN_COLUMNS[name]}) $$"
            )
            defaults.append(f"ALTER {name} SET DEFAULT copied{name}()")
        self.execute(f"ALTER TABLE {quoted(table)} {', '.join(defaults)}")
        self.execute(f"CREATE INDEX ON {quoted(table)} USING brin (_load_id)")

    def add_rows(
        self, table: str, columns: Sequence[str], batch: Sequence[tuple[CsvFile, Sequence[Any]]]
    ) -> None:
        """Copy each file into the table: our columns have defaults; see :meth:`tune`."""
        set_all = ", ".join(f"set_config('{_SETTING}{name}', %s, TRUE)" for name in _SET)
        set_row = "setval('row_numbers', %s, FALSE)"
        first = ["_fields", "_more"] if batch[0][0].rewritten else []
        names = ", ".join(map(quoted, [*first, *columns]))
        # An empty field is NULL, in quotes or not, as in DuckDB.
        copy = (
            f"COPY {quoted(table)} ({names}) FROM STDIN "
            f"(FORMAT csv, NULL '', FORCE_NULL ({names}), ENCODING 'UTF8')"
        )
        for file, (*ours, before) in batch:
            texts = ["" if each is None else str(each) for each in (*ours, len(columns))]
            self.execute(f"SELECT {set_all}, {set_row}", [*texts, before + 1])
            self._copy(copy, file)

    def _copy(self, statement: str, file: CsvFile) -> None:
        with file.path.open("rb") as data:
            data.seek(file.skip)
            if hasattr(self._cursor, "copy_expert"):  # psycopg2
                self._cursor.copy_expert(statement, data, _PIECE)
            else:
                with self._cursor.copy(statement) as copy:
                    while piece := data.read(_PIECE):
                        copy.write(piece)


def _connect(conn_id: str, where: str) -> Any:
    try:
        from airflow.providers.postgres.hooks.postgres import PostgresHook
    except ImportError:
        raise MissingPackage("postgres", "postgres://") from None
    connection(conn_id, where, "postgres")
    try:
        return PostgresHook(postgres_conn_id=conn_id).get_conn()
    except Exception as error:  # each driver has its own
        reason = " ".join(str(error).split())[:300]
        raise WarehouseUnavailable(
            f"Connection failed: check connection {conn_id!r}, and that PostgreSQL runs. {where} "
            f"({type(error).__name__}: {reason})"
        ) from None
