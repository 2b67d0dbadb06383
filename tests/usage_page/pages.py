"""A page as a test reads it, and reports to make one of."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

#: The last day of all reports here.
LAST = dt.date(2026, 11, 24)
#: When the pages here are made.
MADE = dt.datetime(2026, 11, 25, 6, tzinfo=dt.timezone.utc)
HEADER = "date,item_type,user_email,user_name,usage\n"


class Page(HTMLParser):
    """A page's tables by caption, its text, and its tags with their attributes.

    :param html: the page.
    :param spreadsheet: the CSV beside it.
    """

    def __init__(self, html: str, spreadsheet: str = "") -> None:
        super().__init__()
        self.html, self.tags, self.tables, self.words = html, [], {}, []
        self.caption, self.row, self.cell, self.silent = None, None, None, 0
        self.alerts, self.in_alerts = [], False
        self.feed(html.replace("<wbr>", ""))
        text = " ".join(" ".join(self.words).split())
        self.text = re.sub(r" (?=[.,;])", "", text)
        self.period = next(each[7:] for each in [*self.tables, "Plans, "] if each[:7] == "Plans, ")
        self.chart_texts = re.findall(r"<text[^>]*>([^<]*)</text>", html)
        self.rows_of_csv = list(csv.DictReader(io.StringIO(spreadsheet)))

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.silent += tag in ("style", "svg")
        if tag == "section":
            self.in_alerts = attributes.get("class") == "alerts"
        elif tag == "li" and self.in_alerts:
            self.alerts.append("")
        elif tag == "caption":
            self.caption = ""
        elif tag == "tr":
            self.row = []
        elif tag in ("td", "th"):
            self.cell = []

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("style", "svg")
        if tag == "section":
            self.in_alerts = False
        elif tag == "caption":
            self.rows = self.tables.setdefault(self.caption, [])
            self.caption = None
        elif tag == "tr":
            self.rows.append(self.row)
        elif tag in ("td", "th"):
            self.row.append(" ".join("".join(self.cell).split()))
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.silent:
            return
        self.words.append(data)
        if self.caption is not None:
            self.caption += data
        elif self.cell is not None:
            self.cell.append(f"{data} ")
        elif self.in_alerts and self.alerts:
            self.alerts[-1] = f"{self.alerts[-1]}{data}".strip()

    def table(self, caption: str) -> dict[str, dict[str, str]]:
        """Return the rows of a table by their first cell, each by column."""
        rows = self.tables[caption]
        return {row[0]: dict(zip(rows[0][1:], row[1:], strict=False)) for row in rows[1:]}

    def amounts(self, figure: str, plan: str, **columns: Any) -> list[float]:
        """Return amounts of the CSV."""
        wanted = {"figure": figure, "plan": plan, **columns}
        return [
            float(row["amount"])
            for row in self.rows_of_csv
            if all(row[name] == str(value) for name, value in wanted.items())
        ]


def number(text: str) -> float:
    """Return the number that a text begins with."""
    return float(text.split(maxsplit=1)[0].rstrip("%").replace(",", ""))


def before(text: str) -> float:
    """Return the amount of the period before from a cell that says how much changed."""
    return number(text.rpartition("before ")[2])


def a_row_a_day(
    *usages: Any, last: dt.date, plan: int = 7, item_type: str = "PSScene", user: str = "ada@x"
) -> Iterator[tuple[dt.date, int, str]]:
    """Yield a report a day, the last one first; none for a day whose usage is None."""
    for back, usage in enumerate(usages):
        day = last - dt.timedelta(days=back)
        if usage is not None:
            yield day, plan, f"{HEADER}{day},{item_type},{user},{user[:3]},{usage}\n"


def fill(path: Any, *, days: int, plans: int, users: int) -> None:
    """Replace the lines of a DuckDB warehouse, as if so many reports were loaded.

    They are made in the database: to land thousands of reports takes minutes.
    """
    import duckdb

    with duckdb.connect(str(path)) as db:
        db.execute("DELETE FROM summary_daily; DELETE FROM loaded_reports")
        db.execute(
            "INSERT INTO loaded_reports (receipt, load_id, table_name, report_id, plan_id, "
            "data_date, rows, source, first_landed_at) "
            "SELECT 'receipt ' || plan || '/' || day, 1000 * day + plan, 'summary_daily', "
            "plan || '/' || day, 1000 + plan, DATE '2026-11-24' - CAST(day AS INTEGER), 40, 'x', "
            f"now() FROM range(0, {days}) AS d (day), range(1, {plans + 1}) AS p (plan)"
        )
        # Less of each further item type, more in later days, some users more than others.
        db.execute(
            "INSERT INTO summary_daily (_load_id, _plan_id, _data_date, _row, date, item_type, "
            "user_email, user_name, usage) "
            "SELECT load_id, plan_id, data_date, u, data_date, list_element(['PSScene', "
            "'SkySatCollect', 'SkySatScene', 'PSOrthoTile', 'REOrthoTile', 'Sentinel2L1C', "
            "'MOD09GQ', 'MYD09GA'], 1 + least(7, (hash(load_id, u) % 100) ** 2 // 1300)::INTEGER), "
            "format('user-{:02d}@example.org', u), format('User {:02d}', u), "
            "round((1 + u % 7) * (hash(u, load_id) % 100) * (1.3 - load_id / 1e6), 2)::TEXT "
            f"FROM loaded_reports, range(0, {users}) AS users (u) "
            "WHERE hash(load_id + u) % 3 > 0"
        )
