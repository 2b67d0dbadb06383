"""Faults of statuses and redirects."""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime

from airflow_provider_planet_reports.sandbox.http import Answer
from airflow_provider_planet_reports.sandbox.server import too_many_requests
from hostile.incident import Incident, fault, html_page


@fault()
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


@fault()
def unavailable(incident: Incident) -> Answer:
    """5xx, 408 or 425 for some requests in a row, as JSON or as HTML."""
    incident.sandbox.repeat(incident.request, "unavailable", incident.chance.randint(0, 4))
    status = incident.chance.choice((500, 502, 503, 504, 408, 425))
    if incident.chance.random() < 0.5:
        return Answer(status, {"message": "Please try again later."})
    return html_page(status)


@fault()
def html(incident: Incident) -> Answer:
    """An HTML page, as a proxy or a login page sends it, with whatever status."""
    return html_page(incident.chance.choice((200, 200, 403, 404, 502)))


@fault()
def refused(incident: Incident) -> Answer:
    """A refusal for once: 400, 401, 403, 404 or 410."""
    return Answer(incident.chance.choice((400, 401, 403, 404, 410)), {"message": "No."})


@fault()
def redirect_slash(incident: Incident) -> Answer:
    """A redirect that adds or takes away the path's last slash, and may forget the query."""
    path, question, query = incident.request.target.partition("?")
    there = path[:-1] if path.endswith("/") else f"{path}/"
    return _redirect(incident.chance.choice((there, f"{there}{question}{query}")))


@fault()
def redirect_elsewhere(incident: Incident) -> Answer:
    """A redirect to another host, which serves files by signed links."""
    if incident.place == "content":
        number = incident.request.path.rpartition("/")[2]
        return _redirect(incident.sandbox.signed_link(incident.report_id, int(number)))
    return _redirect(f"{incident.sandbox.other_origin}{incident.request.target}")


@fault()
def redirect_unencrypted(_: Incident) -> Answer:
    """A redirect to a plain http address of some host."""
    return _redirect("http://reports.invalid/reports/v1/")


@fault()
def redirect_loop(incident: Incident) -> Answer:
    """A redirect that leads back to where it came from, again and again."""
    incident.sandbox.repeat(incident.request, "redirect_loop", 100)
    return _redirect(incident.request.target)


def _redirect(location: str) -> Answer:
    return Answer(302, {"message": "See elsewhere."}, {"Location": location})
