from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_planet_reports.assets.planet_reports import (
    convert_asset_to_openlineage,
    report_asset,
    sanitize_uri,
)
from airflow_provider_planet_reports.errors import InvalidInput

AIRFLOW_2 = Asset.__name__ == "Dataset"


@pytest.mark.parametrize(
    ("narrowed", "uri"),
    [
        ({}, "planet-reports://any/any/any/any"),
        ({"cadence": "daily"}, "planet-reports://any/any/any/daily"),
        (
            {"org_id": "0000", "plan_id": 1001, "report_type": "summary", "cadence": "monthly"},
            "planet-reports://0000/1001/summary/monthly",
        ),
        ({"org_id": "", "plan_id": None}, "planet-reports://any/any/any/any"),
    ],
)
def test_an_asset_is_named_after_the_reports_that_match(narrowed, uri):
    assert report_asset(**narrowed).uri == uri


def test_the_same_reports_are_the_same_asset():
    assert report_asset(plan_id=7, cadence="daily") == report_asset(cadence="daily", plan_id="7")
    assert report_asset(cadence="daily") != report_asset(plan_id=7, cadence="daily")


def test_an_asset_takes_what_airflows_own_take():
    assert report_asset(cadence="daily", extra={"owner": "billing"}).extra == {"owner": "billing"}


@pytest.mark.skipif(AIRFLOW_2, reason="datasets have no name")
def test_an_asset_can_have_a_name():
    assert report_asset(cadence="daily", name="usage").name == "usage"


@pytest.mark.parametrize(
    ("narrowed", "message"),
    [
        ({"org_id": "planet"}, "org_id='planet' is not allowed: it must be digits"),
        ({"plan_id": "10/01"}, "plan_id='10/01' is not allowed"),
        ({"report_type": "sumary"}, "report_type='sumary' is not allowed: .* 'detailed'"),
        ({"cadence": "weekly"}, "cadence='weekly' is not allowed: it must be 'daily' or 'monthly'"),
    ],
)
def test_what_matches_nothing_is_no_asset(narrowed, message):
    with pytest.raises(InvalidInput, match=message):
        report_asset(**narrowed)


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("planet-reports://4321", "must have the shape planet-reports://<organization>/<plan>"),
        ("planet-reports://4321/1001/summary", "must have the shape"),
        ("planet-reports://4321/1001/summary/daily/x", "must have the shape"),
        ("planet-reports://4321//summary/daily", "'any' for whatever is not narrowed down"),
        ("planet-reports://4321/1001/summary/daily?a=b", "must have the shape"),
        ("planet-reports://4321/1001/sumary/daily", "report_type='sumary' is not allowed"),
        ("planet-reports://4321/all/summary/daily", "plan_id='all' is not allowed.*'any' stands"),
    ],
)
def test_airflow_has_addresses_checked(uri, message):
    if AIRFLOW_2:  # it only warns, unless strict_dataset_uri_validation is set
        with pytest.warns(UserWarning, match=message):
            Asset(uri=uri)
    else:
        with pytest.raises(ValueError, match=message):
            Asset(uri=uri)


def test_airflow_leaves_a_right_address_as_it_is():
    assert (
        Asset(uri="planet-reports://any/any/summary/daily/").uri
        == report_asset(report_type="summary", cadence="daily").uri
    )
    assert sanitize_uri.__module__ == report_asset.__module__


def test_openlineage_knows_an_asset_by_its_organization():
    pytest.importorskip("openlineage.client", reason="needs the extra openlineage")
    dataset = convert_asset_to_openlineage(report_asset(org_id=4321, cadence="daily"), None)
    assert dataset.namespace == "planet-reports://4321"
    assert dataset.name == "any/any/daily"
