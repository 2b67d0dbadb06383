"""The built pages' search: what people type finds the right page among the first three."""

from __future__ import annotations

import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import pytest
from surroundings import TESTS

playwright = pytest.importorskip("playwright.sync_api", reason="needs the group test-browser")
pytestmark = pytest.mark.skipif(find_spec("sphinx") is None, reason="needs the group docs")
CHROMIUM = "/usr/bin/chromium"
#: What people type, and the page that answers.
TERMS = {
    "403": "troubleshooting",
    "401 Unauthorized": "troubleshooting",
    "NoSuchBucket": "troubleshooting",
    "AccessDenied": "troubleshooting",
    "logical_date is undefined": "troubleshooting",
    "ModuleNotFoundError": "troubleshooting",
    "Forbidden": "troubleshooting",
    "could not be resolved": "troubleshooting",
    "connection refused": "troubleshooting",
    "XCom is None": "troubleshooting",
    "wrong region": "troubleshooting",
    "DuckDB file in use": "howto/warehouse",
    "certificate": "howto/proxy",
    "row count": "troubleshooting",
    "429": "howto/pace",
    "rate limit": "howto/pace",
    "MWAA": "quickstart",
    "Composer": "quickstart",
    "Kubernetes": "quickstart",
    "Docker": "quickstart",
    "proxy": "howto/proxy",
    "backfill": "howto/completeness",
    "missing days": "howto/completeness",
    "quota": "howto/dashboard",
    "BigQuery": "howto/warehouse",
    "PostgreSQL": "howto/warehouse",
    "OAuth2": "howto/authentication",
    "KMS": "howto/object_stores",
    "MinIO": "howto/object_stores",
    "sensor": "howto/wait",
    "deferrable": "howto/wait",
    "least privilege": "security",
    "sandbox": "howto/sandbox",
    "max_workers": "reference",
    "constraints": "installation",
    "delete old reports": "landing_zone",
    "API key": "connection",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of the built pages."""
    folder = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-b", "html", TESTS.parent / "docs", folder],
        check=True, capture_output=True,
    )  # fmt: skip

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def page(site):
    with playwright.sync_playwright() as started:
        try:
            browser = started.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"], timeout=120_000
            )
        except playwright.Error as error:
            pytest.skip(f"needs Chromium: {error}")
        yield browser.new_page()
        browser.close()


@pytest.mark.parametrize("term", TERMS)
def test_the_right_page_is_among_the_first_three(site, page, term):
    page.goto(f"{site}/search.html?q={term.replace(' ', '+')}", timeout=120_000)
    page.wait_for_selector("#search-results p.search-summary:not(:empty)", timeout=120_000)
    page.wait_for_function("!/Searching|Preparing/.test(document.body.innerText)", timeout=120_000)
    links = page.eval_on_selector_all(
        "#search-results ul.search li > a", "all => all.map(each => each.getAttribute('href'))"
    )
    first = list(dict.fromkeys(link.partition("#")[0].partition("?")[0] for link in links))[:3]
    assert f"{TERMS[term]}.html" in first
