"""What has to be so before a release; a release sets PLANET_REPORTS_RELEASE."""

from __future__ import annotations

import os
import re

import pytest
from surroundings import TESTS

from airflow_provider_planet_reports import __version__

ROOT = TESTS.parent
PYPROJECT = (ROOT / "pyproject.toml").read_text()


def test_the_version_stands_in_one_place():
    assert 'dynamic = ["readme", "version"]' in PYPROJECT
    assert not re.search(r"^version = ", PYPROJECT, re.MULTILINE)
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)


@pytest.mark.skipif(
    "PLANET_REPORTS_RELEASE" not in os.environ, reason="for releases; set PLANET_REPORTS_RELEASE"
)
def test_the_addresses_of_the_project_are_filled_in():
    urls = PYPROJECT.partition("[project.urls]\n")[2].partition("\n[")[0]
    named = dict(re.findall(r'^(\w+) = "(https://[^"]+)"$', urls, re.MULTILINE))
    missing = {"Documentation", "Changelog", "Issues", "Source"} - named.keys()
    assert not missing, f"fill in [project.urls] in pyproject.toml: {sorted(missing)}"
