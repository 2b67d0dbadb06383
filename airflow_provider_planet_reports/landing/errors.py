"""What can go wrong in a landing zone."""

from __future__ import annotations

from airflow_provider_planet_reports.errors import PlanetReportsError


class DestinationError(PlanetReportsError):
    """The object store could not be read or written."""


class RowCountMismatch(PlanetReportsError):
    """A report has another number of rows than its description says."""

    final = True
