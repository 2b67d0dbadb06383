"""What can be wrong with an answer, one function a fault. Its docstring is what users read."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from airflow_provider_planet_reports.sandbox.http import Answer, Request
from airflow_provider_planet_reports.sandbox.server import PATH, too_many_requests

if TYPE_CHECKING:
    from airflow_provider_planet_reports.sandbox.hostile import HostileSandbox

#: What is asked for: a page of a listing, a report's description, or a file.
Place = Literal["listing", "report", "content"]
_HTML = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_NESTED = 100_000
_ENORMOUS = 65 * 2**20


@dataclass
class Incident:
    """An answer about to go wrong.

    :param sandbox: whose it is.
    :param place: what was asked for.
    :param request: the request.
    :param answer: what the sandbox would answer.
    :param chance: decides what the fault leaves open.
    """

    sandbox: HostileSandbox
    place: Place
    request: Request
    answer: Answer
    chance: random.Random

    @property
    def report_id(self) -> str:
        """The report that was asked for; of a listing, one in it."""
        if self.place != "listing":
            return self.request.path.removeprefix(PATH).strip("/").partition("/")[0]
        listed = self.answer.body["reports"]
        return str(self.chance.choice(listed)["report_id"]) if listed else ""

    def data(self) -> bytes:
        """The body's bytes."""
        body = self.answer.body
        return json.dumps(body).encode() if isinstance(body, dict) else b"".join(body)

    def become(self, data: bytes, ending: Any = "keep", **headers: str | None) -> Answer:
        """Return the answer with another body, and headers changed or, if None, left out.

        :param data: the body.
        :param ending: what becomes of the connection.
        :param headers: by name, with underscores.
        """
        kept = {"Content-Type": "application/json", **self.answer.headers}
        kept["Content-Length"] = str(len(data))
        for name, value in headers.items():
            kept.pop(name.replace("_", "-"), None)
            if value is not None:
                kept[name.replace("_", "-")] = value
        return Answer(self.answer.status, [data], kept, ending)


@dataclass(frozen=True)
class Fault:
    """One kind of misbehaviour.

    :param name: what it goes by.
    :param places: where it can happen.
    :param inflict: gives the answer that goes out instead.
    """

    name: str
    places: frozenset[Place]
    inflict: Callable[[Incident], Answer]

    @property
    def description(self) -> str:
        """One line for people."""
        return (self.inflict.__doc__ or "").splitlines()[0]


#: All faults by name.
FAULTS: dict[str, Fault] = {}


def _fault(*places: Place) -> Callable[[Callable[[Incident], Answer]], Any]:
    def register(inflict: Callable[[Incident], Answer]) -> Any:
        name = inflict.__name__
        FAULTS[name] = Fault(name, frozenset(places or ("listing", "report", "content")), inflict)
        return inflict

    return register


# Connections


@_fault()
def reset(_: Incident) -> Answer:
    """The connection is reset before any answer."""
    return Answer(0, (), ending="reset")


@_fault()
def silence(_: Incident) -> Answer:
    """The connection is closed without an answer."""
    return Answer(0, (), ending="close")


@_fault()
def stall(incident: Incident) -> Answer:
    """Nothing comes for longer than anybody waits, from the beginning or in the middle."""
    data = incident.data()
    begun = incident.become(data, "close")
    status, at = incident.chance.choice(
        ((0, 0), (begun.status, incident.chance.randrange(len(data) or 1)))
    )

    def pieces() -> Iterator[bytes]:
        yield data[:at]
        incident.sandbox.stall()

    return replace(begun, status=status, body=pieces())


@_fault()
def cut(incident: Incident) -> Answer:
    """The body ends early, at any byte, with the connection closed or reset."""
    data = incident.data()
    ending = incident.chance.choice(("close", "reset"))
    cut_off = incident.become(data, ending)
    return replace(cut_off, body=[data[: incident.chance.randrange(len(data) or 1)]])


@_fault()
def cut_chunk(incident: Incident) -> Answer:
    """A chunked body ends early, at any byte."""
    data = incident.data()
    part = data[: incident.chance.randrange(len(data) or 1)]
    return incident.become(part, "close", Content_Length=None, Transfer_Encoding="chunked")


# Framing and encoding


@_fault()
def chunked(incident: Incident) -> Answer:
    """The body comes in chunks, its length is not told."""
    data, size = incident.data(), incident.chance.randint(1, 5000)
    answer = incident.become(data, Content_Length=None, Transfer_Encoding="chunked")
    return replace(answer, body=[data[at : at + size] for at in range(0, len(data), size)])


@_fault()
def no_length(incident: Incident) -> Answer:
    """The body's length is not told: the connection's end is its own."""
    return incident.become(incident.data(), "close", Content_Length=None)


@_fault()
def no_length_cut(incident: Incident) -> Answer:
    """The body's length is not told, and it ends early."""
    data = incident.data()
    part = data[: incident.chance.randrange(len(data) or 1)]
    return incident.become(part, "close", Content_Length=None)


@_fault("content")
def short_length(incident: Incident) -> Answer:
    """``Content-Length`` is too small; a digest would tell."""
    data = incident.data()
    length = str(incident.chance.randrange(len(data) or 1))
    return incident.become(data, "close", Content_Length=length, ETag=None, Content_MD5=_md5(data))


@_fault()
def long_length(incident: Incident) -> Answer:
    """``Content-Length`` is too large."""
    data = incident.data()
    length = str(len(data) + incident.chance.choice((1, 1000, 2**40)))
    return incident.become(data, "close", Content_Length=length)


@_fault()
def senseless_length(incident: Incident) -> Answer:
    """``Content-Length`` is no number, or several."""
    length = incident.chance.choice(("-1", "many", "5, 6", "1e3", "0x20"))
    return incident.become(incident.data(), "close", Content_Length=length)


@_fault()
def gzipped(incident: Incident) -> Answer:
    """The body is gzip-encoded though nobody asked for that."""
    if incident.place == "content":
        data = incident.sandbox.file(incident.request)
        etag = f'"{hashlib.sha256(data).hexdigest()[:16]}-gzip"'
        whole = replace(incident, answer=replace(incident.answer, status=200))
        return whole.become(packed(data), Content_Encoding="gzip", Content_Range=None, ETag=etag)
    return incident.become(packed(incident.data()), Content_Encoding="gzip")


@_fault("content")
def right_digest(incident: Incident) -> Answer:
    """Nothing is wrong: a digest is sent along."""
    if incident.answer.status != 200:
        return incident.answer
    data = incident.data()
    return incident.become(data, Content_MD5=_md5(data))


@_fault("content")
def wrong_digest(incident: Incident) -> Answer:
    """A digest header does not match the bytes."""
    name, digest = incident.chance.choice(
        (
            ("Content_MD5", _md5(b"something else")),
            ("x_goog_hash", f"md5={_md5(b'something else')}"),
        )
    )
    return incident.become(incident.data(), **{name: digest})


@_fault("content")
def wrong_range(incident: Incident) -> Answer:
    """Another range is sent than was asked for, or one that nobody asked for."""
    data = incident.sandbox.file(incident.request)
    begin = incident.chance.randrange(len(data) or 1)
    part = replace(incident, answer=replace(incident.answer, status=206))
    return part.become(data[begin:], Content_Range=f"bytes {begin}-{len(data) - 1}/{len(data)}")


# Statuses


@_fault()
def rate_limited(incident: Incident) -> Answer:
    """429, with a ``Retry-After`` in seconds, as a date, absurd, negative, or none."""
    now = dt.datetime.now(dt.timezone.utc)
    wishes = {
        "seconds": "2",
        "date": format_datetime(now + dt.timedelta(seconds=3), usegmt=True),
        "past": format_datetime(now - dt.timedelta(days=3), usegmt=True),
        "absurd": incident.chance.choice(("1e99", "999999999", "soon", "Mon, 99 Foo 2026")),
        "negative": "-30",
        "none": None,
    }
    return too_many_requests(wishes[incident.chance.choice(list(wishes))])


@_fault()
def unavailable(incident: Incident) -> Answer:
    """5xx, 408 or 425 for some requests in a row, as JSON or as HTML."""
    incident.sandbox.repeat(incident.request, "unavailable", incident.chance.randint(0, 4))
    status = incident.chance.choice((500, 502, 503, 504, 408, 425))
    if incident.chance.random() < 0.5:
        return Answer(status, {"message": "Please try again later."})
    return _html(status)


@_fault()
def html(incident: Incident) -> Answer:
    """An HTML page, as a proxy or a login page sends it, with whatever status."""
    return _html(incident.chance.choice((200, 200, 403, 404, 502)))


@_fault()
def refused(incident: Incident) -> Answer:
    """A refusal for once: 400, 401, 403, 404 or 410."""
    return Answer(incident.chance.choice((400, 401, 403, 404, 410)), {"message": "No."})


# Redirects


@_fault()
def redirect_slash(incident: Incident) -> Answer:
    """A redirect that adds or takes away the path's last slash, and may forget the query."""
    path, question, query = incident.request.target.partition("?")
    there = path[:-1] if path.endswith("/") else f"{path}/"
    return _redirect(incident.chance.choice((there, f"{there}{question}{query}")))


@_fault()
def redirect_elsewhere(incident: Incident) -> Answer:
    """A redirect to another host, which serves files by signed links."""
    if incident.place == "content":
        number = incident.request.path.rpartition("/")[2]
        return _redirect(incident.sandbox.signed_link(incident.report_id, int(number)))
    return _redirect(f"{incident.sandbox.other_origin}{incident.request.target}")


@_fault()
def redirect_unencrypted(_: Incident) -> Answer:
    """A redirect to a plain http address of some host."""
    return _redirect("http://reports.invalid/reports/v1/")


@_fault()
def redirect_loop(incident: Incident) -> Answer:
    """A redirect that leads back to where it came from, again and again."""
    incident.sandbox.repeat(incident.request, "redirect_loop", 100)
    return _redirect(incident.request.target)


# Listings and descriptions


@_fault("listing")
def next_is_seen(incident: Incident) -> Answer:
    """The next link leads to a page that was read before (A to B to A)."""
    query = {k: v for k, v in incident.request.query.items() if k not in ("after", "offset")}
    back = incident.chance.choice((incident.request.target, f"{PATH}/?{urlencode(query)}"))
    return _with_next(incident, back)


@_fault("listing")
def next_leaves(incident: Incident) -> Answer:
    """The next link leads to another host, or to an unencrypted one."""
    return _with_next(
        incident,
        incident.chance.choice((f"{incident.sandbox.other_origin}{PATH}/", "http://x.invalid/")),
    )


@_fault("listing")
def endless(incident: Incident) -> Answer:
    """Next links go on for ever, to pages with the same reports."""
    turn = int(incident.request.query.get("turn", "0")) + 1
    query = {**incident.request.query, "turn": str(turn)}
    incident.sandbox.misbehave_at(f"{PATH}/?{urlencode(query)}", "endless")
    return _with_next(incident, f"{PATH}/?{urlencode(query)}")


@_fault("listing")
def repeated(incident: Incident) -> Answer:
    """Reports of this page, or of any other, stand in it once more."""
    listed = incident.answer.body["reports"]
    again = incident.chance.choices(incident.sandbox.reports, k=3) + listed[:2]
    return _with_body(incident, reports=[*again, *listed])


@_fault("listing", "report")
def wrong_num_rows(incident: Incident) -> Answer:
    """``num_rows`` is wrong, or is no number."""
    wrong = incident.chance.choice((0, 10**9, -1, None, "7", 1.5))
    if incident.place == "report":
        return _with_body(incident, num_rows=wrong)
    listed = [{**each, "num_rows": wrong} for each in incident.answer.body["reports"]]
    return _with_body(incident, reports=listed)


@_fault("listing", "report")
def unusual(incident: Incident) -> Answer:
    """Fields are missing, or of other types than they should be, and others are there."""
    strange = incident.chance.choice(
        (
            {"contents": None}, {"contents": "no list"}, {"contents": [7]}, {"report_id": None},
            {"_links": None}, {"plan_id": None}, {"data_date_start": ""}, {"new": {"a": [1]}},
        )
    )  # fmt: skip
    if incident.place == "report":
        return _with_body(incident, **strange)
    first, *rest = incident.answer.body["reports"] or [{}]
    return _with_body(incident, reports=[{**first, **strange}, *rest])


@_fault("listing", "report")
def deep(incident: Incident) -> Answer:
    """JSON that is nested very deeply."""
    levels = incident.chance.choice((300, 900, _NESTED))
    data = incident.data()[:-1] + b', "deep": ' + b"[" * levels + b"]" * levels + b"}"
    if incident.place == "listing":
        data = data.replace(b'"num_rows"', b'"deep": ' + b"[" * 300 + b"]" * 300 + b', "num_rows"')
    return incident.become(data)


@_fault("listing", "report")
def enormous(incident: Incident) -> Answer:
    """JSON of more than 64 MiB."""
    block = b" " * 2**20
    answer = incident.become(b"")
    answer.headers["Content-Length"] = str(_ENORMOUS)
    return replace(answer, body=itertools.repeat(block, _ENORMOUS // len(block)), ending="close")


@_fault("listing", "report")
def not_utf8(incident: Incident) -> Answer:
    """Text with bytes that are no UTF-8."""
    return incident.become(incident.data().replace(b'"cadence": "', b'"cadence": "\xff\xfe', 1))


@_fault("listing")
def appears(incident: Incident) -> Answer:
    """A report is published between this page and the next."""
    incident.sandbox.publish_one(incident.chance)
    return incident.answer


@_fault()
def vanishes(incident: Incident) -> Answer:
    """A report is withdrawn as soon as this was answered."""
    incident.sandbox.withdraw(incident.report_id)
    return incident.answer


@_fault()
def exchanged(incident: Incident) -> Answer:
    """A report is exchanged for another edition as soon as this was answered."""
    incident.sandbox.exchange(incident.report_id)
    return incident.answer


@_fault("content")
def expired(incident: Incident) -> Answer:
    """The links of a report are not good any more; fresh ones are."""
    incident.sandbox.expire(incident.report_id)
    return _html(incident.chance.choice((401, 403, 404, 410)))


def packed(data: bytes) -> bytes:
    """Return data as :func:`gzipped` encodes it."""
    return gzip.compress(data, mtime=0)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _html(status: int) -> Answer:
    headers = {"Content-Type": "text/html", "Content-Length": str(len(_HTML))}
    return Answer(status, [_HTML], headers)


def _redirect(location: str) -> Answer:
    return Answer(302, {"message": "See elsewhere."}, {"Location": location})


def _with_body(incident: Incident, **changes: Any) -> Answer:
    return replace(incident.answer, body={**incident.answer.body, **changes})


def _with_next(incident: Incident, link: str) -> Answer:
    links = {**incident.answer.body["_links"], "next": link}
    return _with_body(incident, _links=links)
