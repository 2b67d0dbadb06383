"""What a server echoes, in whatever form, is shown and kept nowhere."""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import traceback
from urllib.parse import quote, unquote

import pytest
from hurried import Hurried
from hypothesis import given
from hypothesis import strategies as st
from requests_mock import Mocker

from airflow_provider_planet_reports.client.api import ReportsAPI
from airflow_provider_planet_reports.client.download import download
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.client.transport.auth import bearer_token
from airflow_provider_planet_reports.client.transport.redaction import without_secrets
from airflow_provider_planet_reports.errors import PlanetReportsError

KEY = "PLAKcanary+0123/456"
TOKEN = "t0ken-canary.0123/456+x="
SIGNATURE = "s1gnature-canary/of+a=link"
URL = "https://api.example/reports/v1/"
LINK = f"https://files.example/1?X-Amz-Signature={quote(SIGNATURE, safe='')}"
#: Letters and digits alone: no way of writing a secret changes them, but for their own escapes.
CORES = ("plakcanary", "t0ken-canary", "s1gnature-canary")
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def json_escaped(secret):
    return "".join(f"\\u{ord(each):04x}" for each in secret)


def ways(secret):
    """The ways in which a server may write a secret."""
    return [
        secret,
        secret.upper(),
        secret.lower(),
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        "".join(f"%{ord(each):02x}" for each in secret),
        secret.replace("/", "\\/"),
        secret.replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&#61;"),
        json_escaped(secret),
        json_escaped(secret[:1]) + secret[1:],
    ]


def undone(text):
    """A text with all ways to write a character undone."""
    text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return unquote(html.unescape(text.replace("\\", ""))).lower()


def assert_clean(*texts):
    for text in texts:
        for form in (text.lower(), undone(text)):
            assert [core for core in (*CORES, BASIC.lower()) if core in form] == []
        assert not CONTROL.search(text), text


#: By what the session authenticates with: that, and how it may come back.
SECRETS = {
    "key": (KEY, st.sampled_from([*ways(KEY), BASIC])),
    "token": (bearer_token(TOKEN), st.sampled_from([*ways(TOKEN), f"Bearer {TOKEN}"])),
}
LINKS = st.sampled_from(
    [
        LINK,
        LINK.replace("https:", ""),
        LINK.replace("https://files.example", ""),
        f"https://user:{SIGNATURE[:8]}x@files.example/1?{SIGNATURE}",
        f"1?sig={SIGNATURE}",
        f"/1?{SIGNATURE}",
        f"/1#{SIGNATURE}",
    ]
)
NOISE = st.sampled_from(
    ["", " ", "<", ">", "<b>", "\\", "\x1b[31m", "\u202e", "\r\n", '"', "'", "{", "&", "%", "?",
     "=", "<title>", "</title>", "See ", "x" * 99]
)  # fmt: skip


@st.composite
def words(draw, secrets):
    """What a server says: secrets, links and noise."""
    pieces = draw(st.lists(secrets | LINKS | NOISE, min_size=1, max_size=6))
    return draw(st.sampled_from(["", " "])).join(pieces)


@st.composite
def bodies(draw, secrets):
    said = draw(words(secrets))
    raw = said.encode("utf-8", "replace")
    as_json = json.dumps({"message": said, said: {"field": {said: [{"message": said}]}}}).encode()
    # As a server may write it that escapes what it need not.
    escaped = as_json.replace(b"\\\\u", b"\\u").replace(b"/", b"\\/")
    filler = b"." * draw(st.sampled_from([0, 0, 2**16 - 10, 2**16 - len(raw) // 2]))
    return draw(st.sampled_from([raw, as_json, escaped, filler + raw, b"<p>" + raw + b"</p>"]))


class Part:
    def write(self, data):
        pass

    def restart(self):
        pass


def tried(work, said, credentials=KEY):
    """Do something; search all that is shown of it."""
    with Hurried(credentials, URL, max_retries=1) as session:
        try:
            shown = json.dumps(work(session))
        except PlanetReportsError as error:
            shown = "".join(traceback.format_exception(error))
            shown += "" if len(str(error).splitlines()) == 1 else "\0: several lines"
    logged, said.text = said.text, ""
    assert_clean(shown, logged)


class Said(logging.Handler):
    def __init__(self):
        super().__init__()
        self.text = ""

    def emit(self, record):
        assert "\n" not in record.getMessage()
        self.text += self.format(record) + "\n"


@pytest.fixture(scope="module")
def said():
    root, handler = logging.getLogger("airflow_provider_planet_reports"), Said()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(before)
    root.removeHandler(handler)


def header(text):
    return re.sub(r"[\r\n]", " ", text).encode("latin-1", "replace").decode("latin-1")


@pytest.mark.parametrize("authenticated", SECRETS)
@given(
    st.data(),
    st.sampled_from([200, 200, 301, 302, 400, 401, 403, 404, 410, 413, 418, 429, 500, 503, 520]),
    st.sampled_from(["Content-Type", "Content-Encoding", "Location", "Retry-After", "X-Echo"]),
)
def test_no_secret_of_an_answer_gets_out(said, authenticated, data, status, name):
    credentials, secrets = SECRETS[authenticated]
    body = data.draw(bodies(secrets))
    reason, value = data.draw(words(secrets)), data.draw(words(secrets))

    def listing(session):
        return [report.redacted_dict() for report in ReportsAPI(session).list_reports(Filters())]

    with Mocker() as server:
        settings = {
            "status_code": status, "content": body, "reason": header(reason),
            "headers": {name: header(value), "Content-Length": str(len(body))},
        }  # fmt: skip
        server.get(re.compile(".*"), **settings)
        tried(listing, said, credentials)
        tried(lambda session: ReportsAPI(session).get_report("a"), said, credentials)
        tried(lambda session: download(session, LINK, Part()), said, credentials)


@pytest.mark.parametrize("echo", ways(KEY))
def test_what_is_kept_of_a_report_holds_no_secret(echo):
    page = {
        "reports": [
            {
                "report_id": "a",
                "contents": [LINK, LINK.replace("https:", "")],
                "url": LINK.replace("https://files.example", ""),
                "note": f"see {LINK} or //files.example/1?{SIGNATURE} or /1?sig={SIGNATURE}",
                "echo": "ECHO",
                "_links": {"self": f"a?token={SIGNATURE}"},
            }
        ]
    }
    body = json.dumps(page).replace("ECHO", echo)
    with Mocker() as server, Hurried(KEY, URL) as session:
        server.get(re.compile(".*"), text=body)
        (report,) = ReportsAPI(session).list_reports(Filters())
    kept = json.dumps([report.redacted_dict(), report.without_secrets(URL).to_dict()])
    assert_clean(kept)


@pytest.mark.parametrize(
    "link",
    [
        "//files.example/1?sig=s1gnature-canary",
        "/files/1?token=s1gnature-canary",
        "/files/1?s1gnature-canary",
        "/files/1#s1gnature-canary",
        "files/1?a=1&sig=s1gnature-canary",
        "1?s1gnature-canary",
        "https://user:s1gnature-canary@files.example/1",
    ],
)
@pytest.mark.parametrize("text", ["{}", "See {} for more"])
def test_links_lose_their_secrets_in_every_field(link, text):
    assert_clean(json.dumps(without_secrets({"note": text.format(link), link: [link]})))


@pytest.mark.parametrize("link", [f"/1?{SIGNATURE}", f"/1#{SIGNATURE}", LINK])
@pytest.mark.parametrize("page", [{}, {"reports": [{}]}, {"reports": [{"report_id": []}]}])
def test_names_of_fields_are_not_quoted_with_their_secrets(said, page, link):
    odd = {**page, link: 1} if not page else {"reports": [{**page["reports"][0], link: 1}]}
    if "report_id" in str(page):
        odd["reports"][0]["report_id"] = [link]
    with Mocker() as server:
        server.get(re.compile(".*"), json=odd)
        tried(lambda session: list(ReportsAPI(session).list_reports(Filters())), said)


def test_a_key_at_the_cut_of_a_long_body_is_not_shown_in_part(said):
    for shift in range(0, len(KEY)):
        body = b"<" * 10 + b"<i>" * 20_000
        body += b"." * (2**16 - len(body) - shift) + KEY.encode()
        with Mocker() as server:
            server.get(re.compile(".*"), status_code=500, content=body)
            tried(lambda session: ReportsAPI(session).get_report("a"), said)
