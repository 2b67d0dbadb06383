"""The usage dashboard: a page, and its charts as pictures, in object storage.

Who used how much, of what, on which days; how that compares with the days before, and with a
quota; and which days the figures lack. Copy it with the other ``usage_*`` files: ``usage_figures``
asks the warehouse, ``usage_freshness`` says which days there are, ``usage_quota`` reckons,
``usage_charts`` draws, ``usage_page`` writes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path


# [START howto_dashboard]
def write_dashboard(
    warehouse: str,
    dashboard: str,
    *,
    last: dt.date | str,
    days: int = 30,
    quota: float | None = None,
    quota_start: dt.date | str | None = None,
    quota_end: dt.date | str | None = None,
    plan_id: str | None = None,
    table: str = "summary_daily",
    columns: Mapping[str, str | None] | None = None,
    destination: str | None = None,
    destination_conn_id: str | None = None,
    dashboard_conn_id: str | None = None,
    title: str = "Planet usage",
    note: str = "",
) -> str:
    """Turn the warehouse's table of daily summaries into a page and pictures.

    :param warehouse: path of the DuckDB file.
    :param dashboard: folder for the page: ``s3://connection@bucket/folder``, ``file:///folder``, …;
        not below the destination of the reports.
    :param last: last day shown, usually yesterday.
    :param days: days shown; they are compared with as many days before.
    :param quota: what may be used from ``quota_start`` on.
    :param quota_start: by default the first day shown.
    :param quota_end: last day of the quota.
    :param plan_id: only this plan; by default all of them together.
    :param table: the table, as ``duckdb_warehouse.py`` makes it.
    :param columns: what its columns are named, where it is not as in ``usage_figures.COLUMNS``.
    :param destination: where reports are landed, to tell what is landed but not loaded.
    :param destination_conn_id: connection for it.
    :param dashboard_conn_id: connection for the dashboard, where its URL names none.
    :param title: the page's heading.
    :param note: a line at its top.
    :return: where the page is.
    :raises ValueError: if the table lacks a column, or the quota or its days make no sense.
    """
    from usage_charts import draw
    from usage_figures import read_figures
    from usage_freshness import Period
    from usage_page import page
    from usage_quota import stand

    if destination and _is_below(dashboard, destination):
        raise ValueError(
            f"dashboard={dashboard!r} lies in the destination of the reports, {destination!r}, "
            "whose readers would take the page for data: choose a folder beside it."
        )
    end = _day(last)
    period = Period(end - dt.timedelta(days=days - 1), end)
    since = _day(quota_start) if quota_start else period.first
    _check_quota(quota, since, end)
    figures = read_figures(
        warehouse, period, table=table, columns=columns, plan_id=plan_id, since=since,
        destination=destination, conn_id=destination_conn_id,
    )  # fmt: skip
    standing = stand(figures, quota, _day(quota_end) if quota_end else None) if quota else None
    drawn = draw(figures, standing)
    files = {f"{name}.png": chart.png() for name, chart in drawn.items()}
    files["index.html"] = page(figures, drawn, standing, title=title, note=note).encode()
    _write(dashboard, dashboard_conn_id, files)
    return f"{dashboard.rstrip('/')}/index.html"
    # [END howto_dashboard]


def _check_quota(quota: float | None, since: dt.date, last: dt.date) -> None:
    if quota is not None and not quota > 0:
        raise ValueError(f"quota={quota!r} is not allowed: it must be more than 0.")
    if since > last:
        raise ValueError(f"quota_start={since} is after the last day shown, {last}.")


def _day(day: dt.date | str) -> dt.date:
    return dt.date.fromisoformat(day) if isinstance(day, str) else day


def _is_below(dashboard: str, destination: str) -> bool:
    inner, outer = (re.sub("//[^/@]*@", "//", url).rstrip("/") for url in (dashboard, destination))
    return f"{inner}/".startswith(f"{outer}/")


def _write(folder: str, conn_id: str | None, files: Mapping[str, bytes]) -> None:
    """Write files, each whole or not at all, in the order given: the page last."""
    from airflow_provider_planet_reports.landing.destination import parse_url
    from airflow_provider_planet_reports.landing.stores.opening import open_store

    place = parse_url(folder, conn_id)
    store = None if place.scheme == "file" else open_store(folder, conn_id)
    for name, content in files.items():
        if store is None:
            _put_in_place(Path(place.path, name), content)
        else:
            store.put_always(name, content)


def _put_in_place(target: Path, content: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(target)
