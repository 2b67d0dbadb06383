"""The views on top of the tables, from the ``.sql`` files in ``views/``."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.warehouse.database import Database
from airflow_provider_planet_reports.warehouse.errors import WarehouseRefused
from airflow_provider_planet_reports.warehouse.names import OWN_COLUMNS, quoted

log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent / "views"
#: In this order: each may use those before it.
_NAMES = ("current_reports", "usage_lines", "usage_daily", "usage_by_month")
_TABLE = "summary_daily"
#: The columns that the views need, by our names, with what the files call them by default.
COLUMNS = {"usage": "usage", "item_type": "item_type", "date": "date"}


def view_columns(columns: Mapping[str, Any] | None) -> dict[str, str]:
    """Return what the files call the columns that the views need.

    :param columns: those that differ from :data:`COLUMNS`.
    :raises InvalidInput: if a name is not known.
    """
    given = columns or {}
    for name in given:
        if name not in COLUMNS:
            near = difflib.get_close_matches(str(name), COLUMNS, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise InvalidInput(
                f"columns has the unknown name {name!r}: it may have {', '.join(COLUMNS)}.{hint}"
            )
    return {**COLUMNS, **{name: str(value) for name, value in given.items()}}


def keep_views(database: Database, columns: Mapping[str, str]) -> None:
    """Create the views, and replace those whose text has changed. Others are left as they are.

    :param database: the warehouse.
    :param columns: what :func:`view_columns` returned.
    :raises WarehouseRefused: if a view cannot be replaced.
    """
    with database.transaction():
        database.execute("CREATE TABLE IF NOT EXISTS view_texts (name TEXT, text TEXT)")
        there = dict(database.execute("SELECT name, text FROM view_texts"))
        values = _values(database.columns_of(_TABLE), columns)
        for name in _NAMES:
            text = (_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
            for marker, value in values.items():
                text = text.replace(f"{{{marker}}}", value)
            if there.get(name) == text and database.columns_of(name):
                continue
            try:
                database.execute(f"CREATE OR REPLACE VIEW {name} AS\n{text}")
            except Exception as error:  # each database has its own
                reason = " ".join(str(error).split())[:300]
                raise WarehouseRefused(
                    f"View {name!r} cannot be replaced: drop it, and run again. "
                    f"({type(error).__name__}: {reason})"
                ) from None
            database.execute("DELETE FROM view_texts WHERE name = %s", [name])
            database.execute("INSERT INTO view_texts VALUES (%s, %s)", [name, text])


def _values(there: Mapping[str, str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the SQL of each marker in the views' files.

    :param there: the columns of the table, none where there is no table.
    :param columns: what the files call the columns that the views need.
    """
    found = {name: there.get(theirs.casefold()) for name, theirs in columns.items()}
    if there and found["usage"] is None:
        log.warning(
            "Usage is empty in the views: %s has no column %r. columns={'usage': …} names it.",
            _TABLE, columns["usage"],
        )  # fmt: skip
    markers = {
        name: "CAST(NULL AS TEXT)" if actual is None else quoted(actual)
        for name, actual in found.items()
    }
    own = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in OWN_COLUMNS.items())
    markers["table"] = quoted(_TABLE) if there else f"(SELECT {own} WHERE false) AS nothing"
    # A line with neither a day nor an item type is a total, unless no line has them.
    has_either = found["date"] is not None and found["item_type"] is not None
    markers["no_date_is_fine"] = "item_type IS NOT NULL" if has_either else "true"
    return markers
