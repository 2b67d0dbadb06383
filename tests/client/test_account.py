"""What belongs to the account: products with their quotas, and the API's own specification."""

from __future__ import annotations

import json

import pytest
from scripted_server import KEY

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.transport.session import ReportsSession

BASE = "https://api.example/reports/v1/"
PRODUCTS = "https://api.example/account/v1/my/products/"


@pytest.fixture
def api():
    with ReportsSession(KEY, BASE, max_retries=0) as session:
        yield ReportsAPI(session)


def test_all_pages_of_products_are_read_with_all_their_fields(api, requests_mock):
    first = {"id": 1, "quota_total": 10, "a_new_field": {"x": [1]}}
    requests_mock.get(PRODUCTS, json={"meta": {"next": f"{PRODUCTS}?offset=1"}, "results": [first]})
    requests_mock.get(f"{PRODUCTS}?offset=1", json={"meta": {"next": None}, "results": [{"id": 2}]})
    assert api.list_products() == [first, {"id": 2}]
    assert all("Authorization" in asked.headers for asked in requests_mock.request_history)


@pytest.mark.parametrize("answer", [{}, [], {"results": 7}])
def test_what_is_no_list_of_products_is_said(api, requests_mock, answer):
    requests_mock.get(PRODUCTS, json=answer)
    with pytest.raises(errors.InvalidResponse, match="not a listing of results: check the conn"):
        api.list_products()


@pytest.mark.parametrize(
    ("following", "kind"),
    [("https://evil.example/", errors.RefusedLink), (PRODUCTS, errors.InvalidResponse)],
)
def test_products_elsewhere_or_in_a_circle_are_refused(api, requests_mock, following, kind):
    requests_mock.get(PRODUCTS, json={"meta": {"next": following}, "results": [{"id": 1}]})
    with pytest.raises(kind):
        api.list_products()


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"openapi": "3.0.0", "paths": {"/": {"get": {}}}}),
        "openapi: 3.0.0\npaths:\n  /:\n    get: {}\n",
    ],
)
def test_the_specification_is_json_or_yaml(api, requests_mock, text):
    requests_mock.get(f"{BASE}swagger", text=text)
    assert api.api_spec() == {"openapi": "3.0.0", "paths": {"/": {"get": {}}}}


def test_dates_of_a_specification_are_text(api, requests_mock):
    requests_mock.get(f"{BASE}swagger", text="paths: {}\ninfo:\n  date: 2026-01-01\n")
    assert api.api_spec()["info"] == {"date": "2026-01-01"}


@pytest.mark.parametrize(
    "text", ["<html>", "a: b: c", "[1]", "!!python/object:os.system {}", '{"paths": 1}', ""]
)
def test_what_is_no_specification_is_said(api, requests_mock, text):
    requests_mock.get(f"{BASE}swagger", text=text)
    with pytest.raises(errors.InvalidResponse, match="check the connection's host"):
        api.api_spec()


def test_without_a_specification_or_a_network_it_is_said(api, requests_mock):
    requests_mock.get(f"{BASE}swagger", status_code=404)
    with pytest.raises(errors.NotFound):
        api.api_spec()


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_page_size_that_is_refused_is_left_out(api, requests_mock, status):
    def answer(request, context):
        if "page_size" in request.qs:
            context.status_code = status
            return {"field": {"page_size": [{"message": "at most 100"}]}}
        return {"reports": [{"report_id": "a"}]}

    requests_mock.get(BASE, json=answer)
    assert [report.report_id for report in api.list_reports(Filters())] == ["a"]
    with pytest.raises(errors.Refused, match=r"page_size: at most 100"):
        list(api.list_reports(Filters(page_size=500)))
