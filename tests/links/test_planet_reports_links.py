from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_planet_reports.links.planet_reports import (
    LandingPlaceLink,
    PlanetAccountLink,
    console_address,
)
from airflow_provider_planet_reports.provider_info import get_provider_info
from airflow_provider_planet_reports.transfers.planet_reports_to_object_storage import (
    PlanetReportsToObjectStorageOperator,
)


@pytest.mark.parametrize(
    ("address", "extra", "link"),
    [
        (
            "s3://bucket/usage/planet/",
            {"region_name": "eu-central-1"},
            "https://console.aws.amazon.com/s3/buckets/bucket?prefix=usage/planet/",
        ),
        ("s3a://bucket/", {}, "https://console.aws.amazon.com/s3/buckets/bucket"),
        (
            "s3://bucket/a b#c?d/",
            {"region_name": "us-gov-west-1"},
            "https://console.amazonaws-us-gov.com/s3/buckets/bucket?prefix=a%20b%23c%3Fd/",
        ),
        (
            "s3://bucket/",
            {"region_name": "cn-north-1"},
            "https://console.amazonaws.cn/s3/buckets/bucket",
        ),
        ("gs://bucket/usage/", {}, "https://console.cloud.google.com/storage/browser/bucket/usage"),
        ("gcs://bucket/", {}, "https://console.cloud.google.com/storage/browser/bucket"),
    ],
)
def test_a_destination_shows_in_the_console_of_its_store(address, extra, link):
    assert console_address(address, extra) == link


@pytest.mark.parametrize(
    ("address", "extra"),
    [
        ("file:///data/planet/", {}),
        ("abfs://container/planet/", {}),
        ("s3://bucket/", {"endpoint_url": "http://127.0.0.1:9000"}),
        ("s3://bucket/", {"service_config": {"s3": {"endpoint_url": "http://127.0.0.1:9000"}}}),
        ("gs://bucket/", {"gcs.endpoint": "http://127.0.0.1:4443"}),
    ],
)
def test_what_no_console_shows_has_no_link(address, extra):
    assert console_address(address, extra) == ""


def test_a_running_task_leaves_its_link(monkeypatch):
    extra = {"region_name": "cn-north-1"}
    monkeypatch.setenv("AIRFLOW_CONN_AWS", json.dumps({"conn_type": "aws", "extra": extra}))
    pushed = {}
    ti = SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    link = LandingPlaceLink.leave({"ti": ti}, "s3://bucket/planet/", "aws")
    assert link == "https://console.amazonaws.cn/s3/buckets/bucket?prefix=planet/"
    assert pushed == {"planet_reports_landing_place": link}


def test_nothing_is_left_where_there_is_no_link():
    ti = SimpleNamespace(xcom_push=lambda key, value: pytest.fail("nothing to push"))
    assert LandingPlaceLink.leave({"ti": ti}, "file:///data/", None) == ""
    assert LandingPlaceLink.leave({}, "s3://bucket/", None)


def test_airflow_asks_the_operator_that_ran_or_reads_what_it_left(monkeypatch):
    from airflow.providers.common.compat import sdk

    operator = PlanetReportsToObjectStorageOperator(task_id="land", destination="s3://b/x")
    assert LandingPlaceLink().get_link(operator, ti_key=None) == ""
    operator.landing_place = "https://console/left"
    assert LandingPlaceLink().get_link(operator, ti_key=None) == "https://console/left"

    left = {("key", "planet_reports_landing_place"): "https://console/read"}
    reader = SimpleNamespace(get_value=lambda ti_key, key: left.get((ti_key, key)))
    monkeypatch.setattr(sdk, "XCom", reader, raising=False)
    described = SimpleNamespace(task_id="land")
    assert LandingPlaceLink().get_link(described, ti_key="key") == "https://console/read"
    assert LandingPlaceLink().get_link(described, ti_key="other") == ""


def test_the_account_is_the_same_for_everybody():
    link = PlanetAccountLink().get_link(None, ti_key=None)
    assert link == "https://www.planet.com/account/"


def test_provider_info_names_every_link():
    named = get_provider_info()["extra-links"]
    links = PlanetReportsToObjectStorageOperator.operator_extra_links
    assert named == [f"{type(link).__module__}.{type(link).__name__}" for link in links]


@pytest.mark.parametrize("mapped", [False, True])
def test_links_survive_the_way_into_airflows_database(mapped, monkeypatch):
    try:  # Airflow 3.2 and later
        from airflow.serialization.serialized_objects import DagSerialization as Serialized
    except ImportError:
        from airflow.serialization.serialized_objects import SerializedDAG as Serialized

    with DAG("links", schedule=None) as dag:
        kind = PlanetReportsToObjectStorageOperator
        if mapped:
            kind.partial(task_id="land", destination="s3://b/x").expand(plan_id=[1, 2])
        else:
            kind(task_id="land", destination="s3://b/x")
    # Airflow's scheduler, which tests run in this process, leaves links out, and keeps it so.
    monkeypatch.setattr(Serialized, "_load_operator_extra_links", True)
    task = Serialized.from_dict(Serialized.to_dict(dag)).get_task("land")
    assert {link.name for link in task.operator_extra_links} == {"Landing place", "Planet account"}
    assert set(task.extra_links) == {"Landing place", "Planet account"}
