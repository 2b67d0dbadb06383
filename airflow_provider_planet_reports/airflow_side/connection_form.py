"""The connection's form, described once for every version of Airflow."""

from __future__ import annotations

from typing import Any

CONNECTION_TYPE = "planet_reports"
HOOK_NAME = "Planet Reports"
HOOK_CLASS = "airflow_provider_planet_reports.hooks.planet_reports.PlanetReportsHook"

#: Ways to authenticate: the values of the extra ``auth``.
AUTHS = ("api_key", "bearer", "oauth2")

RELABELING = {
    "password": "API key (encrypted)",
    "login": "API key (not encrypted), or OAuth2 client id",
    "host": "Base URL",
}
HIDDEN_FIELDS = ("schema", "port", "extra")
PLACEHOLDERS = {
    "password": "API key of an organization administrator; or bearer token, or client secret",
    "login": "leave empty: Airflow shows it in clear",
    "host": "https://api.planet.com/reports/v1",
}
#: Fields that are kept in the connection's extra: label, JSON type, description. Airflow 3 shows
#: no placeholders in them, so the description says what an empty field means.
EXTRA_FIELDS: dict[str, tuple[str, str, str]] = {
    "auth": (
        "Authentication",
        "string",
        "api_key, bearer (token in the password) or oauth2 (client id and secret). "
        "Default: api_key.",
    ),
    "org_id": (
        "Organization ID",
        "string",
        "Organization to list when a task names none. Default: the API key's own.",
    ),
    "timeout": (
        "Timeout",
        "number",
        "Connect and read timeout in seconds. Default: 60.",
    ),
    "deadline": (
        "Deadline",
        "number",
        "Maximum seconds for an answer that is read whole, such as a page. Default: 300.",
    ),
    "max_retries": (
        "Retries per request",
        "integer",
        "Maximum retries of a request that failed. Default: 5.",
    ),
    "requests_per_second": (
        "Requests per second",
        "number",
        "Maximum requests per second for each task. Default: unlimited.",
    ),
    "verify": (
        "Verify certificates",
        "string",
        "true, false, or the path of a CA file on the workers. Default: true.",
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
