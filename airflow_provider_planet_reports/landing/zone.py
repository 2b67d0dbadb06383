"""A landing zone: what is landed in a destination."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.commit import read_receipt
from airflow_provider_planet_reports.landing.errors import UnreadableReceipt
from airflow_provider_planet_reports.landing.layout import RECEIPTS, ReportKey, value_of
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.side_by_side import side_by_side
from airflow_provider_planet_reports.landing.stores.interface import Entry, Store

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

log = logging.getLogger(__name__)

#: Receipts are small, so reading them is a matter of round trips.
_READERS = 64
_LISTINGS = 16
#: Bytes of the smallest receipt that can be written: a smaller one is known to be damaged without
#: being read.
_SMALLEST_RECEIPT = 100
#: The API's own fields in what tasks hand on about a landed report.
_DESCRIBED = ("org_id", "plan_id", "report_type", "cadence", "data_date_start", "data_date_end")


def _warn(key: ReportKey, error: UnreadableReceipt) -> None:  # noqa: ARG001 - the error names it
    log.warning("%s", error)


class LandingZone:
    """A destination with its data and receipts.

    A report is landed when, and only when, its receipt is there. All methods raise
    :class:`~.DestinationError` where the store fails.

    :param store: the destination.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def landed(self, keys: Iterable[ReportKey]) -> dict[ReportKey, bool]:
        """Return which of some reports are landed, from one listing per series.

        A series is the reports of one type, cadence and plan; it is listed from the first day on
        that is asked for.

        :param keys: reports; those that no store could hold are not landed.
        :return: the landed ones, each with whether its receipt may be readable: one that is too
            small is not.
        """
        found = self._stored(keys, RECEIPTS, attrgetter("receipt"))
        # Some servers list an object twice while it is written again.
        return {key: entries[-1].size >= _SMALLEST_RECEIPT for key, entries in found.items()}

    def files(self, keys: Iterable[ReportKey]) -> dict[ReportKey, list[str]]:
        """Return the files in the folders of some reports; reports without files are omitted.

        From one listing per series, as :meth:`landed` does it.
        """
        found = self._stored(keys, "", attrgetter("folder"))
        return {key: [entry.key for entry in entries] for key, entries in found.items()}

    def find(
        self,
        *,
        report_type: str | None = None,
        cadence: str | None = None,
        plan_id: str | int | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
    ) -> dict[ReportKey, str]:
        """Return all landed reports that match, oldest data first, and their receipts' etags.

        A receipt whose etag in a listing has not changed need not be read again.

        :param report_type: ``detailed`` or ``summary``; by default any.
        :param cadence: ``daily`` or ``monthly``; by default any.
        :param plan_id: plan; by default any.
        :param start: first day, a date or ``YYYY-MM-DD``; by default the first there is.
        :param end: last day, inclusive; by default the last there is.
        :raises InvalidInput: if ``start`` or ``end`` is no day.
        """
        first, last = day("start", start), day("end", end)
        folders = [RECEIPTS]
        for value in (report_type, cadence, plan_id):
            below = side_by_side(self.store, self.store.folders, folders, threads=_LISTINGS)
            folders = [
                folder
                for folder in chain.from_iterable(below)
                if value is None or same_id(value_of(folder), value)
            ]
        series = [folder.removeprefix(RECEIPTS) for folder in folders]
        listed = self._listed(RECEIPTS, dict.fromkeys(series, f"data_date={first}"))
        etags = {ReportKey.of_receipt(entry.key): entry.etag for entry in listed}
        # Without a date, a report is of no range of days; "~" is greater than any day.
        found = (key for key in etags if key and (not last or (key.data_date or "~") <= last))
        matching = (key for key in found if not first or key.data_date)
        return {key: etags[key] for key in sorted(matching, key=ReportKey.age)}

    def receipt(self, key: ReportKey) -> Receipt | None:
        """Return a report's receipt, None where there is none.

        :raises UnreadableReceipt: if it is damaged, or of a later version.
        """
        found = read_receipt(self.store, key)
        return found and found.checked()

    def receipts(
        self,
        keys: Iterable[ReportKey],
        org_id: str | int | None = None,
        on_unreadable: Callable[[ReportKey, UnreadableReceipt], None] = _warn,
    ) -> Iterator[Receipt]:
        """Yield the receipts of reports, in order; none for those that have none.

        :param keys: the reports.
        :param org_id: only reports of this organization; by default any.
        :param on_unreadable: called for each receipt that cannot be read; by default it is logged.
        """
        keys = [*keys]
        read = partial(read_receipt, self.store)
        found = side_by_side(self.store, read, keys, threads=_READERS)
        for key, stored in zip(keys, found, strict=True):
            receipt = stored and stored.content
            if isinstance(receipt, UnreadableReceipt):
                on_unreadable(key, receipt)
            elif receipt and (org_id is None or same_id(receipt.report.get("org_id"), org_id)):
                yield receipt

    def describe(self, receipt: Receipt) -> dict[str, Any]:
        """Return what tasks hand on about a landed report; see :func:`.landed_reports`."""
        files = [{"uri": self.store.uri(file.name), **vars(file)} for file in receipt.files]
        for file in files:
            del file["name"]
        return {
            "report_id": receipt.report_id,
            **{name: receipt.report.get(name) for name in _DESCRIBED},
            "files": files,
            "receipt": self.store.uri(receipt.key.receipt),
        }

    def _stored(
        self, keys: Iterable[ReportKey], root: str, place: Callable[[ReportKey], str]
    ) -> dict[ReportKey, list[Entry]]:
        """Return what is in the places of some reports, each from its series' first day on.

        :param keys: reports; those that no store could hold are left out.
        :param root: what to list.
        :param place: of a report below the root: a key, or a folder with its slash.
        """
        places: dict[str, ReportKey] = {}
        first_days: dict[str, str] = {}
        for key in keys:
            with suppress(InvalidInput):
                places[place(key)] = key
                first_days[key.series] = min(key.day, first_days.get(key.series, key.day))
        found: dict[ReportKey, list[Entry]] = {}
        for entry in self._listed(root, first_days):
            folder, slash, _ = entry.key.rpartition("/")
            if owner := places.get(entry.key) or places.get(folder + slash):
                found.setdefault(owner, []).append(entry)
        return found

    def _listed(self, root: str, first_days: Mapping[str, str]) -> Iterator[Entry]:
        """Yield what is below a root of some series, each from a day's folder on."""

        def of_series(series: str) -> list[Entry]:
            folder = root + series
            return [*self.store.list(folder, after=folder + first_days[series])]

        listed = side_by_side(self.store, of_series, first_days, threads=_LISTINGS)
        return chain.from_iterable(listed)


def same_id(one: str | int | None, other: str | int | None) -> bool:
    """Return whether two ids are the same number, which may be written with leading zeros."""
    return str(one).lstrip("0") == str(other).lstrip("0")


def day(name: str, value: str | dt.date | None) -> str:
    """Return a day as ``YYYY-MM-DD``, empty for none.

    :raises InvalidInput: if it is no day; it names the parameter.
    """
    try:
        if isinstance(value, str) and value:
            value = dt.date.fromisoformat(value)
    except ValueError:
        raise InvalidInput(f"{name}={value!r} is not a day: write it as YYYY-MM-DD.") from None
    return f"{value:%Y-%m-%d}" if value else ""


def open_zone(destination: str | ObjectStoragePath, conn_id: str | None = None) -> LandingZone:
    """Return the landing zone in a destination.

    :param destination: an ``ObjectStoragePath`` or its URL: ``s3://conn_id@bucket/prefix``,
        ``gs://``, ``abfs://``, ``file://``.
    :param conn_id: connection for it, where its URL names none.
    :raises InvalidInput: if it is no such URL, a package for it is not installed, or its connection
        cannot be used.
    """
    from airflow_provider_planet_reports.landing.stores.opening import open_store

    return LandingZone(open_store(destination, conn_id))
