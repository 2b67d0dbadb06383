"""Which listings a specification has, and which of them ``path`` reaches."""

from __future__ import annotations

import subprocess
import sys

from airflow_provider_planet_reports.cli.listings import listings

BASE = "https://api.example/reports/v1/"


def answer(schema, version=3):
    if version == 2:
        return {"200": {"schema": schema}}
    return {"200": {"content": {"application/json": {"schema": schema}}}}


PAGE = {"properties": {"reports": {"type": "array"}}}


def spec(paths, **more):
    return {"paths": paths, "components": {"schemas": {"Page": PAGE}}, **more}


def test_a_listing_below_the_base_url_is_reached_by_its_path():
    reference = {"$ref": "#/components/schemas/Page"}
    found = listings(
        spec(
            {
                "/": {"get": {"responses": answer(reference)}},
                "/odd/": {
                    "parameters": [{"name": "line_item_id", "in": "query"}],
                    "get": {"summary": "Odd ones", "responses": answer({"allOf": [PAGE]})},
                },
                "/odd/{report_id}": {"get": {"responses": answer(PAGE)}},
                "/usage": {"get": {"responses": answer({"properties": {"usage": {}}})}},
                "/orders": {"post": {"responses": answer(PAGE)}},
            },
            servers=[{"url": BASE}],
        ),
        BASE,
    )
    assert [(row["path"], row["reached by"]) for row in found] == [
        ("/reports/v1/", "no path"),
        ("/reports/v1/odd/", "path='odd/'"),
        ("/reports/v1/usage", "-"),
    ]


def test_parameters_of_the_address_and_of_the_operation_are_shown():
    parameters = [{"name": "plan_id", "in": "query"}, {"name": "X-Header", "in": "header"}]
    item = {"parameters": parameters[:1], "get": {"parameters": parameters, "responses": {}}}
    (row,) = listings(spec({"/a": item}, servers=[{"url": "/reports/v1"}]), BASE)
    assert row["parameters"] == "plan_id plan_id"


def test_swagger_2_and_whole_addresses_are_understood():
    old = {"basePath": "/reports", "paths": {"/v1/b": {"get": {"responses": answer(PAGE, 2)}}}}
    assert next(listings(old, BASE))["reached by"] == "path='b'"
    above = {"basePath": "/", "paths": {"/other/b": {"get": {"responses": answer(PAGE, 2)}}}}
    assert next(listings(above, BASE))["reached by"] == "-"


def test_nonsense_in_a_specification_is_no_listing():
    circle = {"$ref": "#/components/schemas/Circle"}
    odd = spec({"/a": {"get": {"responses": answer(circle)}}, "/b": 7, "/c": {"get": None}})
    odd["components"]["schemas"]["Circle"] = circle
    assert [row["reached by"] for row in listings(odd, BASE)] == ["-"]


def test_the_command_shows_them(sandbox):
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_planet_reports", "listings"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    head, first, *_ = done.stdout.splitlines()
    assert head.split() == ["path", "parameters", "reached", "by", "summary"]
    assert first.split()[:4] == ["/reports/v1/", "org_id", "plan_id", "report_type"]
