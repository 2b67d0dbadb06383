"""What Airflow's provider discovery reads."""

from __future__ import annotations

from typing import Any

from airflow_provider_planet_reports import __version__
from airflow_provider_planet_reports.airflow_side.connection_form import (
    CONNECTION_TYPE,
    HOOK_CLASS,
    HOOK_NAME,
    provider_info_form,
)

_ASSETS = "airflow_provider_planet_reports.assets.planet_reports"
_LINKS = "airflow_provider_planet_reports.links.planet_reports"
_COMMANDS = "airflow_provider_planet_reports.cli.definition.get_planet_reports_cli_commands"
_ASSET_URIS = [
    {
        "schemes": ["planet-reports"],
        "handler": f"{_ASSETS}.sanitize_uri",
        "factory": f"{_ASSETS}.report_asset",
        "to_openlineage_converter": f"{_ASSETS}.convert_asset_to_openlineage",
    }
]


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description (entry point ``apache_airflow_provider``)."""
    return {
        "package-name": "airflow-provider-planet-reports",
        "name": "Planet Reports",
        "description": "Lands Planet's usage reports in object storage.",
        "versions": [__version__],
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-class-name": HOOK_CLASS,
                "hook-name": HOOK_NAME,
                **provider_info_form(),
            }
        ],
        "asset-uris": _ASSET_URIS,
        "dataset-uris": _ASSET_URIS,  # Airflow 2's name for them
        "extra-links": [f"{_LINKS}.LandingPlaceLink", f"{_LINKS}.PlanetAccountLink"],
        "cli": [_COMMANDS],  # heeded from Airflow 3.2 on
    }
