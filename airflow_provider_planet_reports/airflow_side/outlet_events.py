"""What the events of a landing task's outlet assets say, and their partitions (Airflow 3.3)."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.errors import InvalidInput

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset

log = logging.getLogger(__name__)

#: Ids and addresses in one event. Airflow keeps events, and shows them; all of them are in what the
#: task returned, and in the receipts.
_MOST_ENTRIES = 100
#: And in all events of a task, since each partition's event repeats them.
_MOST_ENTRIES_IN_ALL = 5_000


def check_partitions(outlets: Iterable[Any] | None = None) -> None:
    """Raise unless asset events can have partitions.

    :param outlets: of the task, once they are known.
    :raises InvalidInput: if this Airflow knows none, or if there is no asset to have them.
    """
    try:
        from airflow.sdk.execution_time.context import OutletEventAccessor
    except ImportError:
        supported = False
    else:
        supported = hasattr(OutletEventAccessor, "add_partitions")
    if not supported:
        raise InvalidInput(
            "emit_partitions=True needs Airflow 3.3 or later: asset events have no partitions "
            "in this one. Leave it out; the dates of the reports are in what the task returns."
        )
    if outlets is not None and not assets_of(outlets):
        raise InvalidInput(
            "emit_partitions=True needs an asset to have the partitions: give the task one, for "
            "example outlets=[report_asset(cadence='daily')]."
        )


def assets_of(outlets: Iterable[Any]) -> list[Asset]:
    """Return the outlets that get an event; an alias gets none until it is resolved."""
    from airflow.providers.common.compat import sdk

    kinds = tuple(
        kind for name in ("Asset", "AssetRef") if (kind := getattr(sdk, name, None)) is not None
    )
    return [outlet for outlet in outlets if isinstance(outlet, kinds)]


def describe_outlets(
    outlet_events: Any,
    outlets: Iterable[Any],
    new: Sequence[Mapping[str, Any]],
    *,
    partitions: bool = False,
) -> None:
    """Write into the events of a task's outlets what is new.

    :param outlet_events: of Airflow's context; None outside of Airflow.
    :param outlets: of the task.
    :param new: what was landed, as the task returns it.
    :param partitions: whether each report date is a partition.
    """
    if outlet_events is None:
        return
    keys = partition_keys(new) if partitions else []
    extra = summary(new, events=len(keys))
    for asset in assets_of(outlets):
        event = outlet_events[asset]
        event.extra.update(extra)
        if keys:
            event.add_partitions(keys)


def summary(new: Sequence[Mapping[str, Any]], *, events: int = 1) -> dict[str, Any]:
    """Return what an event says about new reports.

    :param new: what was landed, as the task returns it.
    :param events: how many events say it.
    """
    most = min(_MOST_ENTRIES, _MOST_ENTRIES_IN_ALL // max(events, 1))
    files = [file for report in new for file in report["files"]]
    rows = [file["rows"] for file in files]
    return {
        "rows": None if None in rows else sum(rows),
        "bytes": sum(file["bytes"] for file in files),
        "truncated": len(new) > most or len(files) > most,
        "report_ids": [report["report_id"] for report in new[:most]],
        "uris": [file["uri"] for file in files[:most]],
    }


def partition_keys(new: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the dates of reports, each once: days, and months for monthly reports.

    :param new: what was landed, as the task returns it.
    """
    keys = set()
    for report in new:
        try:
            # A time may follow the day.
            day = dt.datetime.strptime(str(report["data_date_start"])[:10], "%Y-%m-%d")
        except ValueError:
            log.warning(
                "Report %r is in no partition: it has no date (data_date_start=%r).",
                report["report_id"],
                report["data_date_start"],
            )
        else:
            keys.add(f"{day:%Y-%m}" if report["cadence"] == "monthly" else f"{day:%Y-%m-%d}")
    return sorted(keys)
