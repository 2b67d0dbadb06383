"""Faults of listings and of reports' descriptions, and what changes between two requests."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from airflow_provider_planet_reports.sandbox.http import Answer
from airflow_provider_planet_reports.sandbox.server import PATH
from hostile.incident import Incident, fault, html_page

_NESTED = 100_000
_ENORMOUS = 65 * 2**20


@fault("listing")
def next_is_seen(incident: Incident) -> Answer:
    """The next link leads to a page that was read before (A to B to A)."""
    query = {k: v for k, v in incident.request.query.items() if k not in ("after", "offset")}
    back = incident.chance.choice((incident.request.target, f"{PATH}/?{urlencode(query)}"))
    return _with_next(incident, back)


@fault("listing")
def next_leaves(incident: Incident) -> Answer:
    """The next link leads to another host, or to an unencrypted one."""
    return _with_next(
        incident,
        incident.chance.choice((f"{incident.sandbox.other_origin}{PATH}/", "http://x.invalid/")),
    )


@fault("listing")
def endless(incident: Incident) -> Answer:
    """Next links go on for ever, to pages with the same reports."""
    turn = int(incident.request.query.get("turn", "0")) + 1
    query = {**incident.request.query, "turn": str(turn)}
    incident.sandbox.misbehave_at(f"{PATH}/?{urlencode(query)}", "endless")
    return _with_next(incident, f"{PATH}/?{urlencode(query)}")


@fault("listing")
def repeated(incident: Incident) -> Answer:
    """Reports of this page, or of any other, stand in it once more."""
    listed = incident.answer.body["reports"]
    again = incident.chance.choices(incident.sandbox.reports, k=3) + listed[:2]
    return _with_body(incident, reports=[*again, *listed])


@fault("listing", "report")
def wrong_num_rows(incident: Incident) -> Answer:
    """``num_rows`` is wrong, or is no number."""
    wrong = incident.chance.choice((0, 10**9, -1, None, "7", 1.5))
    if incident.place == "report":
        return _with_body(incident, num_rows=wrong)
    listed = [{**each, "num_rows": wrong} for each in incident.answer.body["reports"]]
    return _with_body(incident, reports=listed)


@fault("listing", "report")
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


@fault("listing", "report")
def deep(incident: Incident) -> Answer:
    """JSON that is nested very deeply."""
    levels = incident.chance.choice((300, 900, _NESTED))
    data = incident.data()[:-1] + b', "deep": ' + b"[" * levels + b"]" * levels + b"}"
    if incident.place == "listing":
        data = data.replace(b'"num_rows"', b'"deep": ' + b"[" * 300 + b"]" * 300 + b', "num_rows"')
    return incident.become(data)


@fault("listing", "report")
def enormous(incident: Incident) -> Answer:
    """JSON of more than 64 MiB."""
    block = b" " * 2**20
    answer = incident.become(b"")
    answer.headers["Content-Length"] = str(_ENORMOUS)
    return replace(answer, body=itertools.repeat(block, _ENORMOUS // len(block)), ending="close")


@fault("listing", "report")
def not_utf8(incident: Incident) -> Answer:
    """Text with bytes that are no UTF-8."""
    return incident.become(incident.data().replace(b'"cadence": "', b'"cadence": "\xff\xfe', 1))


@fault("listing")
def appears(incident: Incident) -> Answer:
    """A report is published between this page and the next."""
    incident.sandbox.publish_one(incident.chance)
    return incident.answer


@fault()
def vanishes(incident: Incident) -> Answer:
    """A report is withdrawn as soon as this was answered."""
    incident.sandbox.withdraw(incident.report_id)
    return incident.answer


@fault()
def exchanged(incident: Incident) -> Answer:
    """A report is exchanged for another edition as soon as this was answered."""
    incident.sandbox.exchange(incident.report_id)
    return incident.answer


@fault("content")
def expired(incident: Incident) -> Answer:
    """The links of a report are not good any more; fresh ones are."""
    incident.sandbox.expire(incident.report_id)
    return html_page(incident.chance.choice((401, 403, 404, 410)))


def _with_body(incident: Incident, **changes: Any) -> Answer:
    return replace(incident.answer, body={**incident.answer.body, **changes})


def _with_next(incident: Incident, link: str) -> Answer:
    links = {**incident.answer.body["_links"], "next": link}
    return _with_body(incident, _links=links)
