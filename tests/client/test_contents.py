"""A report's parts by their links."""

from __future__ import annotations

import pytest
from hurried import Hurried
from scripted_server import KEY

from airflow_provider_planet_reports.client import errors
from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.contents import Contents
from airflow_provider_planet_reports.client.report import Report

NO_ADDRESS = "https://[::1/1?sig=s1gnature"


def test_a_link_that_is_no_address_is_refused_and_not_shown():
    report = Report.from_dict(
        {"report_id": "a", "contents": [NO_ADDRESS], "_links": {"self": NO_ADDRESS}}
    )
    with Hurried(KEY, "https://api.example/reports/v1") as session:
        api = ReportsAPI(session)
        for ask in (
            lambda: Contents(session, report, api.refresh).download(1, None),
            lambda: api.refresh(report),
        ):
            with pytest.raises(errors.RefusedLink, match="A link is not an http") as caught:
                ask()
            assert "s1gnature" not in str(caught.value)
