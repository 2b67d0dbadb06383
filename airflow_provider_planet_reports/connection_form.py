"""The connection's form, described once for every version of Airflow."""

from __future__ import annotations

from typing import Any

CONNECTION_TYPE = "planet_reports"
HOOK_NAME = "Planet Reports"
HOOK_CLASS = "airflow_provider_planet_reports.hooks.planet_reports.PlanetReportsHook"

RELABELING = {"login": "API key", "password": "API key (masked)", "host": "Base URL"}
HIDDEN_FIELDS = ("schema", "port", "extra")
PLACEHOLDERS = {
    "login": "key of an organization administrator, shown in the clear",
    "password": "or here, with the field above empty: encrypted, shown as ***",
    "host": "https://api.planet.com/reports/v1",
}
#: Fields that are kept in the connection's extra: label, JSON type, description. Airflow 3 shows
#: no placeholders in them, so the description says what an empty field means.
EXTRA_FIELDS: dict[str, tuple[str, str, str]] = {
    "org_id": (
        "Organization ID",
        "string",
        "Organization to list when a task names none. Empty: the key's own.",
    ),
    "timeout": (
        "Timeout",
        "number",
        "Seconds without a byte before a connection counts as dead. Empty: 60.",
    ),
    "max_retries": (
        "Retries per request",
        "integer",
        "Further tries of a request that failed. Empty: 5.",
    ),
    "requests_per_second": (
        "Requests per second",
        "number",
        "Most that one task makes. Empty: as many as the API lets it.",
    ),
}


def field_behaviour() -> dict[str, Any]:
    """Return what ``get_ui_field_behaviour`` returns (Airflow before 3.2)."""
    return {
        "hidden_fields": list(HIDDEN_FIELDS),
        "relabeling": dict(RELABELING),
        "placeholders": dict(PLACEHOLDERS),
    }


def provider_info_form() -> dict[str, Any]:
    """Return the form as provider info describes it (Airflow 3.2 and later)."""
    return {
        "ui-field-behaviour": {
            "hidden-fields": list(HIDDEN_FIELDS),
            "relabeling": dict(RELABELING),
            "placeholders": dict(PLACEHOLDERS),
        },
        "conn-fields": {
            name: {
                "label": label,
                "description": description,
                "schema": {"type": [kind, "null"]},
            }
            for name, (label, kind, description) in EXTRA_FIELDS.items()
        },
    }


def form_widgets() -> dict[str, Any]:
    """Return what ``get_connection_form_widgets`` returns (Airflow before 3.2)."""
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from wtforms import Field, IntegerField, StringField
    from wtforms.validators import Optional

    kinds: dict[str, type[Field]] = {
        "string": StringField,
        "number": StringField,  # Airflow 2 refuses hooks with any other kind of field
        "integer": IntegerField,
    }
    return {
        name: kinds[kind](
            label, description=description, validators=[Optional()], widget=BS3TextFieldWidget()
        )
        for name, (label, kind, description) in EXTRA_FIELDS.items()
    }
