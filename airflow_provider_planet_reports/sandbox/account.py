"""What the sandbox has besides reports: the account's products, and the API's specification."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Collection
from typing import Any

from airflow_provider_planet_reports.sandbox.reports import MadeUpReport


def products(
    plans: tuple[int, ...], org_id: int, reports: Collection[MadeUpReport]
) -> list[dict[str, Any]]:
    """Return made-up products, one for each plan, as Planet's account service describes them.

    What is used of a quota is what the plan's daily summaries say; its term begins with them.

    :param plans: the plans.
    :param org_id: the organization.
    :param reports: the reports that are published.
    """
    daily = [each for each in reports if (each.report_type, each.cadence) == ("summary", "daily")]
    first = min((each.first_day for each in daily), default=dt.date(2026, 1, 1))
    return [
        {
            "id": 9000 + plan,
            "name": f"sandbox-{plan}",
            "title": f"Sandbox plan {plan}",
            "product_family": "sandbox",
            "organization_id": org_id,
            "billable_id": plan,
            "quota_total": 1_000_000.0,
            "quota_used": round(sum(_usage(each) for each in daily if each.plan_id == plan), 2),
            "quota_units": "sqkm",
            "unlimited_quota": False,
            "state": "active",
            "term_start_date": f"{first}T00:00:00Z",
            "term_end_date": f"{first + dt.timedelta(days=364)}T23:59:59Z",
        }
        for plan in plans
    ]


def _usage(report: MadeUpReport) -> float:
    text = b"".join(report.part(1).read()).decode()
    return sum(float(row["usage"]) for row in csv.DictReader(io.StringIO(text)))


def _parameter(name: str, kind: str, where: str = "query") -> dict[str, Any]:
    return {"name": name, "in": where, "required": where == "path", "schema": {"type": kind}}


def _answer(schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"200": {"description": "OK", "content": content}}


#: An OpenAPI document of what the sandbox serves; the real one has more.
SPECIFICATION: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Sandbox of the Reports API", "version": "1.0.0"},
    "servers": [{"url": "/reports/v1/"}],
    "paths": {
        "/": {
            "get": {
                "summary": "List reports",
                "parameters": [
                    _parameter("org_id", "integer"), _parameter("plan_id", "integer"),
                    _parameter("report_type", "string"), _parameter("cadence", "string"),
                    _parameter("start", "string"), _parameter("end", "string"),
                    _parameter("page_size", "integer"), _parameter("after", "string"),
                    _parameter("offset", "integer"),
                ],
                "responses": _answer("Page"),
            }
        },
        "/{report_id}": {
            "get": {
                "summary": "Get a report",
                "parameters": [_parameter("report_id", "string", "path")],
                "responses": _answer("Report"),
            }
        },
        "/{report_id}/{number}": {
            "get": {
                "summary": "Get a file of a report",
                "parameters": [
                    _parameter("report_id", "string", "path"),
                    _parameter("number", "integer", "path"),
                ],
                "responses": {"200": {"description": "OK", "content": {"text/csv": {}}}},
            }
        },
        "/swagger": {
            "get": {"summary": "This document", "responses": {"200": {"description": "OK"}}}
        },
    },
    "components": {
        "schemas": {
            "Report": {
                "type": "object",
                "properties": {
                    "report_id": {"type": "string"},
                    "contents": {"type": "array", "items": {"type": "string"}},
                },
            },
            "Page": {
                "type": "object",
                "properties": {
                    "reports": {
                        "type": "array",
                        "items": {"$ref": "#/components/schemas/Report"},
                    },
                    "_links": {"type": "object"},
                },
            },
        }
    },
}  # fmt: skip
