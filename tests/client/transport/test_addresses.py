from __future__ import annotations

import pytest

from airflow_provider_planet_reports.client.errors import RefusedLink
from airflow_provider_planet_reports.client.transport.addresses import (
    base_url,
    check_link,
    is_presigned,
    origin,
)
from airflow_provider_planet_reports.client.transport.redaction import safe_url, without_secrets
from airflow_provider_planet_reports.errors import InvalidInput


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_the_base_url_is_planets_by_default(nothing):
    assert base_url(nothing) == "https://api.planet.com/reports/v1/"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://api.example/reports/v1", "https://api.example/reports/v1/"),
        ("https://api.example/reports/v1/", "https://api.example/reports/v1/"),
        (" https://api.example:8443 ", "https://api.example:8443/"),
        ("http://127.0.0.1:8765/reports/v1", "http://127.0.0.1:8765/reports/v1/"),
        ("http://localhost:8765", "http://localhost:8765/"),
        ("http://[::1]:8765", "http://[::1]:8765/"),
    ],
)
def test_a_base_url_ends_in_a_slash(given, used):
    assert base_url(given) == used


@pytest.mark.parametrize(
    "wrong",
    ["api.planet.com", "api.planet.com/reports", "ftp://api.example", "https://", "https:///x",
     "https://host:port/", "https://[::1"],
)  # fmt: skip
def test_a_base_url_has_scheme_and_host(wrong):
    with pytest.raises(
        InvalidInput, match=r"is not an http\(s\) address.*https://api\.planet\.com"
    ):
        base_url(wrong)


def test_a_base_url_has_no_credentials_and_they_are_not_repeated():
    with pytest.raises(
        InvalidInput, match="put the API key into the connection's password"
    ) as caught:
        base_url("https://s3cret:pass@api.example/reports")
    assert "s3cret" not in str(caught.value)
    assert "pass@" not in str(caught.value)
    with pytest.raises(InvalidInput) as caught:
        base_url("ftp://s3cret@api.example/")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("tail", ["?token=s3cret", "#part"])
def test_a_base_url_has_neither_query_nor_fragment(tail):
    with pytest.raises(InvalidInput, match="has a query or a fragment") as caught:
        base_url(f"https://api.example/{tail}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "host", ["api.example", "10.0.0.7", "localhost.example", "127.0.0.1.nip.io"]
)
def test_the_key_is_not_sent_unencrypted_to_a_public_host(host):
    with pytest.raises(InvalidInput, match="leads to an unencrypted address: use https://"):
        base_url(f"http://{host}/reports")


def test_an_origin_is_scheme_host_and_port():
    assert origin("https://API.example/x") == origin("https://api.example:443/y")
    assert len({origin(url) for url in (
        "https://api.example", "http://api.example", "https://api.example:444", "https://b.example",
    )}) == 4  # fmt: skip


@pytest.mark.parametrize(
    ("url", "came_from"),
    [
        ("https://files.example/x?sig=1", "https://api.example/"),
        ("https://files.example/x?sig=1", "http://127.0.0.1:1/"),
        ("http://127.0.0.1:2/x", "http://127.0.0.1:1/"),
    ],
)
def test_an_encrypted_or_local_link_may_be_followed(url, came_from):
    assert check_link(url, came_from=came_from) == url


def test_a_relative_link_starts_from_the_address_that_named_it():
    named = "https://api.example/reports/v1/"
    assert check_link("a/1?sig=%7E", came_from=named) == f"{named}a/1?sig=%7E"
    assert check_link("//files.example/1", came_from=named) == "https://files.example/1"


@pytest.mark.parametrize(
    ("url", "came_from", "why"),
    [
        ("http://files.example/x", "http://127.0.0.1/", "unencrypted"),
        ("http://127.0.0.1/x", "https://api.example/", "unencrypted"),
        ("http://127.0.0.1/x", "HTTPS://api.example/", "unencrypted"),
        ("https://user:s3cret@files.example/x", "https://api.example/", "credentials"),
        ("file:///etc/passwd", "https://api.example/", r"not an http\(s\) address"),
        ("javascript:alert(1)", "https://api.example/", r"not an http\(s\) address"),
        ("https://files.example:x/", "https://api.example/", r"not an http\(s\) address"),
        ("https://[::1", "https://api.example/", r"not an http\(s\) address"),
    ],
)
def test_other_links_are_refused_for_good(url, came_from, why):
    with pytest.raises(RefusedLink, match=why) as caught:
        check_link(f"{url}?X-Signature=s3cret", came_from=came_from)
    assert "s3cret" not in str(caught.value)
    assert caught.value.final


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/x?start=2026-01-01&after=7", "https://a.example/x?start=2026-01-01&after=7"),
        ("https://a.example/x?X-Amz-Signature=s&start=1", "https://a.example/x?start=1"),
        ("https://user:pw@a.example/x#f", "https://a.example/x"),
        ("https://a.example/x?token", "https://a.example/x"),
        ("https://a.example/x?token=", "https://a.example/x"),
        ("https://a.example/x?token==", "https://a.example/x"),
        ("https://a.example/x?to/ken=x", "https://a.example/x"),
        ("https://a.example/x\x1b[31m", r"https://a.example/x\x1b[31m"),
        ("http://[broken", "<malformed address>"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(url, shown):
    assert safe_url(url) == shown


def test_addresses_deep_in_a_description_lose_query_fragment_and_credentials():
    described = {
        "contents": ["https://u:p@files.example/a/1?sig=s3cret#x", "https://[broken?s3cret"],
        "_links": {"self": "https://api.example/a"},
        "note": "a ? b",
        "num_rows": 3,
        "nothing": None,
    }
    assert without_secrets(described) == {
        "contents": ["https://files.example/a/1", "<malformed address>"],
        "_links": {"self": "https://api.example/a"},
        "note": "a ? b",
        "num_rows": 3,
        "nothing": None,
    }


def test_relative_links_lose_their_secrets_too_and_keep_what_a_listing_needs():
    described = {
        "contents": ["files/1?sig=s3cret", "/a/1?page_size=2&token=s3cret"],
        "_links": {"self": "a?org_id=7&key=s3cret", "_next": ["b?after=9#s3cret"]},
        "note": "why?because",
    }
    assert without_secrets(described) == {
        "contents": ["files/1", "/a/1?page_size=2"],
        "_links": {"self": "a?org_id=7", "_next": ["b?after=9"]},
        "note": "why?because",
    }


@pytest.mark.parametrize(
    ("link", "opens"),
    [
        ("https://api.example/reports/a/1", False),
        ("https://API.example:443/reports/a/1", False),
        ("/reports/a/1", False),
        ("a/1", False),
        ("a/1?sig=x", True),
        ("https://api.example/reports/a/1#x", True),
        ("https://u:p@api.example/reports/a/1", True),
        ("https://api.example:8443/reports/a/1", True),
        ("https://files.example/secret-path/1", True),
        ("//files.example/1", True),
        ("https://[broken", True),
    ],
)
def test_only_a_bare_link_on_the_apis_own_origin_opens_nothing_by_itself(link, opens):
    assert is_presigned(link, "https://api.example/reports/") is opens
