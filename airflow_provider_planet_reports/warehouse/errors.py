"""What can go wrong when landed reports are loaded."""

from __future__ import annotations

from airflow_provider_planet_reports.errors import PlanetReportsError


class WarehouseError(PlanetReportsError):
    """The warehouse could not be read or written just now; a retry may succeed."""


class WarehouseUnavailable(WarehouseError):
    """The connection to the warehouse broke: no report is to blame."""


class WarehouseRefused(WarehouseError):
    """The warehouse refuses, and would refuse again: its address, rights or packages."""

    final = True


class ReportNotLoaded(PlanetReportsError):
    """A landed report that cannot be loaded as it is; a retry does not help."""

    final = True
