"""What can go wrong in a landing zone."""

from __future__ import annotations

from airflow_provider_planet_reports.errors import PlanetReportsError


class DestinationError(PlanetReportsError):
    """The object store could not be read or written just now; a retry may succeed."""


class DestinationRefused(DestinationError):
    """The object store refuses, and would refuse again.

    No such bucket, no right to write it, rejected credentials, an untrusted certificate, a setting
    that cannot work.
    """

    final = True


class Cancelled(DestinationError):
    """The store was told to stop; see :meth:`.Store.cancel`."""


class RunCancelled(PlanetReportsError):
    """A run was cancelled before it was over."""


class ConditionsUnsupported(DestinationError):
    """The server says that it does not support conditional requests (501)."""


class UnreadableReceipt(PlanetReportsError):
    """A receipt is damaged, or was written by a later version of this package."""

    final = True


class DamagedContent(PlanetReportsError):
    """The bytes of a part are no whole report file: cut gzip, or JSON, XML or HTML."""


class RowCountMismatch(PlanetReportsError):
    """A report has another number of rows than its description says."""

    final = True
