from __future__ import annotations

import math
import re

import pytest

from airflow_provider_planet_reports.client.errors import InvalidResponse, RefusedLink
from airflow_provider_planet_reports.client.paging import MAX_EMPTY_PAGES, Paging

BASE = "https://api.example/reports/v1/"


def a_page(*ids, next=None, underscored=False):
    links = {("_next" if underscored else "next"): next} if next else {}
    return {"reports": [{"report_id": each} for each in ids], "_links": links}


def ids_of(reports):
    return [report.report_id for report in reports]


def test_a_listing_starts_at_its_address_and_ends_without_a_next_link():
    paging = Paging(BASE)
    assert paging.next == BASE
    assert ids_of(paging.read(a_page("a", "b"), address=f"{BASE}?page_size=2")) == ["a", "b"]
    assert paging.next is None


def test_null_for_a_list_is_an_empty_page():
    paging = Paging(BASE)
    assert paging.read({"reports": None, "_links": {"next": "?2"}}, address=BASE) == []
    assert paging.next == f"{BASE}?2"


@pytest.mark.parametrize("links", [None, {}, {"next": None}, {"next": ""}, {"self": BASE}])
def test_every_way_to_have_no_next_page_ends_it(links):
    paging = Paging(BASE)
    paging.read({"reports": [], "_links": links}, address=BASE)
    assert paging.next is None
    paging = Paging(BASE)
    paging.read({"reports": []}, address=BASE)
    assert paging.next is None


@pytest.mark.parametrize("underscored", [False, True])
@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("https://api.example/reports/v1/?after=b", f"{BASE}?after=b"),
        ("https://api.example:443/other", "https://api.example:443/other"),
        ("/reports/v1/?after=b", f"{BASE}?after=b"),
        ("?after=b", f"{BASE}?after=b"),
        ("more?after=b", f"{BASE}more?after=b"),
    ],
)
def test_links_are_followed_in_both_spellings_and_every_form(link, followed, underscored):
    paging = Paging(BASE)
    paging.read(a_page("a", next=link, underscored=underscored), address=f"{BASE}?page_size=1")
    assert paging.next == followed


def test_a_relative_link_starts_from_where_the_page_really_came_from():
    paging = Paging(BASE)
    paging.read(a_page("a", next="?after=a"), address="https://api.example/reports/v2/")
    assert paging.next == "https://api.example/reports/v2/?after=a"


def test_an_id_is_handed_out_once():
    paging = Paging(BASE)
    assert ids_of(paging.read(a_page("a", "a", "b", next="?2"), address=BASE)) == ["a", "b"]
    assert ids_of(paging.read(a_page("b", "c"), address=f"{BASE}?2")) == ["c"]


@pytest.mark.parametrize("pages", [1, 2, 7], ids=lambda pages: f"circle of {pages}")
def test_a_listing_that_goes_round_in_circles_is_endless(pages):
    paging = Paging(BASE)
    with pytest.raises(InvalidResponse, match="does not end, 10 pages brought nothing new: ask ag"):
        for page in range(pages + MAX_EMPTY_PAGES):
            number, following = page % pages, (page + 1) % pages
            paging.read(a_page(str(number), next=f"?page={following}"), address=f"{BASE}?{number}")
    assert page == pages + MAX_EMPTY_PAGES - 1


def test_a_few_empty_pages_are_not_the_end():
    paging = Paging(BASE)
    for page in range(3 * MAX_EMPTY_PAGES):
        ids = [str(page)] if page % MAX_EMPTY_PAGES == 0 else []
        paging.read(a_page(*ids, next=f"?page={page + 1}"), address=f"{BASE}?page={page}")
    assert paging.next


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("https://evil.example/reports/v1/?token=s3cret", "on another server, which does not get"),
        ("//evil.example/?token=s3cret", "on another server, which does not get"),
        ("https://api.example:8443/?token=s3cret", "on another server, which does not get"),
        ("http://api.example/reports/v1/?token=s3cret", "leads to an unencrypted"),
        ("https://u:s3cret@api.example/reports/v1/", "has credentials in it"),
        ("file:///etc/passwd", "is not an http"),
        ("https://[::1?token=s3cret", "is not an http"),
    ],
)
def test_a_next_page_elsewhere_is_refused(link, why):
    paging = Paging(BASE)
    with pytest.raises(RefusedLink, match=why) as caught:
        paging.read(a_page("a", next=link), address=BASE)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("link", [7, ["x"], {"href": "x"}])
def test_a_next_link_is_text(link):
    with pytest.raises(RefusedLink, match="The next link is no address"):
        Paging(BASE).read(a_page("a", next=link), address=BASE)


@pytest.mark.parametrize(
    ("page", "seen"),
    [
        ([], "'list'"),
        ("text", "'str'"),
        (None, "'NoneType'"),
        ({}, r"\[\]"),
        ({"items": []}, r"\['items'\]"),
        ({"reports": {}}, r"\['reports'\]"),
    ],
)
def test_another_shape_is_no_listing(page, seen):
    with pytest.raises(InvalidResponse, match=f"is not a listing of reports: .* got {seen}"):
        Paging(BASE).read(page, address=BASE)


def test_links_of_another_shape_are_told():
    with pytest.raises(InvalidResponse, match="Expected a list 'reports' and an object '_links'"):
        Paging(BASE).read({"reports": [], "_links": ["x"]}, address=BASE)


ODD_PAGE = {"reports": [{"report_id": "a"}, {"num_rows": 1}, {"report_id": "b", "n": math.nan}, 7]}


def test_an_entry_that_makes_no_sense_costs_that_entry_by_name():
    told = []
    reports = Paging(BASE, told.append).read(ODD_PAGE, address=BASE)
    assert ids_of(reports) == ["a"]
    for error, words in zip(
        told,
        [
            r"no usable report_id .* \(https://api\.example/reports/v1/, reports\[1\]\)\.",
            r"Report 'b' cannot be kept as JSON .*reports\[2\]",
            r"must be a JSON object, not int .*reports\[3\]",
        ],
        strict=True,
    ):
        assert isinstance(error, InvalidResponse)
        assert re.search(words, str(error))


def test_without_anybody_to_tell_an_odd_entry_is_a_warning(caplog):
    Paging(BASE).read(ODD_PAGE, address=BASE)
    assert "An entry of the listing is left out: Report 'b' cannot be kept as JSON" in caplog.text
