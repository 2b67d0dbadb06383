"""The built pages' search: what people type finds the right page among the first three."""

from __future__ import annotations

import re
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
    "403": "troubleshooting/connection",
    "401 Unauthorized": "troubleshooting/connection",
    "NoSuchBucket": "troubleshooting/landing",
    "AccessDenied": "troubleshooting/landing",
    "logical_date is undefined": "troubleshooting/dags",
    "ModuleNotFoundError": "troubleshooting/landing",
    "Forbidden": "troubleshooting/connection",
    "could not be resolved": "troubleshooting/connection",
    "connection refused": "troubleshooting/connection",
    "XCom is None": "troubleshooting/dags",
    "wrong region": "troubleshooting/landing",
    "DuckDB file in use": "howto/warehouse",
    "certificate": "howto/proxy",
    "row count": "troubleshooting/landing",
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

#: What people type after a mistake, and the page whose entry answers.
MISTAKES = {
    "api key rejected": "troubleshooting/connection",
    "wrong api key": "troubleshooting/connection",
    "key typo": "troubleshooting/connection",
    "login and password": "troubleshooting/connection",
    "plain http": "troubleshooting/connection",
    "unencrypted address": "troubleshooting/connection",
    "connection not found": "troubleshooting/connection",
    "403 forbidden": "troubleshooting/connection",
    "administrator rights": "troubleshooting/connection",
    "wrong connection type": "troubleshooting/landing",
    "connection type": "troubleshooting/landing",
    "http connection": "troubleshooting/landing",
    "missing package": "troubleshooting/landing",
    "no module amazon": "troubleshooting/landing",
    "s3 extra": "troubleshooting/landing",
    "Unable to locate credentials": "troubleshooting/landing",
    "relative path": "troubleshooting/landing",
    "absolute path": "troubleshooting/landing",
    "all_done": "troubleshooting/landing",
    "trigger_rule": "troubleshooting/landing",
    "upstream_failed": "troubleshooting/landing",
    "some reports failed": "troubleshooting/landing",
    "start after end": "troubleshooting/dags",
    "ds is undefined": "troubleshooting/dags",
    "logical_date undefined": "troubleshooting/dags",
    "manual trigger": "troubleshooting/dags",
    "ds": "troubleshooting/dags",
    "duckdb relative": "troubleshooting/loading",
    "duckdb absolute": "troubleshooting/loading",
    "duckdb in use": "troubleshooting/loading",
    "duckdb lock": "troubleshooting/loading",
    "Conflicting lock": "troubleshooting/loading",
    "semicolon": "troubleshooting/loading",
    "csv separator": "troubleshooting/loading",
    "delimiter": "troubleshooting/loading",
    "usage page empty": "troubleshooting/loading",
    "deleted files": "troubleshooting/loading",
    "files missing": "troubleshooting/loading",
    "counted twice": "troubleshooting/loading",
    "raw table": "troubleshooting/loading",
    "double usage": "troubleshooting/loading",
    "proxy failed": "howto/proxy",
    "proxy down": "howto/proxy",
    "corporate proxy": "howto/proxy",
    "duplicate": "howto/completeness",
    "historical reports": "howto/completeness",
    "last year": "howto/completeness",
    "old reports": "howto/completeness",
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


def hits(site, page, words):
    """Return the addresses that a search finds, best first."""
    page.goto(f"{site}/search.html?q={words.replace(' ', '+')}", timeout=120_000)
    page.wait_for_selector("#search-results p.search-summary:not(:empty)", timeout=120_000)
    page.wait_for_function("!/Searching|Preparing/.test(document.body.innerText)", timeout=120_000)
    return page.eval_on_selector_all(
        "#search-results ul.search li > a", "all => all.map(each => each.getAttribute('href'))"
    )


@pytest.mark.parametrize("term", TERMS)
def test_the_right_page_is_among_the_first_three(site, page, term):
    links = hits(site, page, term)
    first = list(dict.fromkeys(link.partition("#")[0].partition("?")[0] for link in links))[:3]
    assert f"{TERMS[term]}.html" in first


@pytest.mark.parametrize("words", MISTAKES)
def test_after_a_mistake_the_first_three_hits_open_at_the_answer(site, page, words):
    address = re.compile(rf"{MISTAKES[words]}\.html(\?\S*)?#.+")
    first = hits(site, page, words)[:3]
    assert any(map(address.fullmatch, first)), first
