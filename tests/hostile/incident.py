"""Answers that go wrong: what a fault is told, and the registry of all faults."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_planet_reports.sandbox.http import Answer, Request
from airflow_provider_planet_reports.sandbox.server import PATH

_HTML = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
#: What is asked for: a page of a listing, a report's description, or a file.
Place = Literal["listing", "report", "content"]


@dataclass
class Incident:
    """An answer about to go wrong.

    :param sandbox: whose it is.
    :param place: what was asked for.
    :param request: the request.
    :param answer: what the sandbox would answer.
    :param chance: decides what the fault leaves open.
    """

    sandbox: Any  # a HostileSandbox, which knows the faults
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


def fault(*places: Place) -> Callable[[Callable[[Incident], Answer]], Any]:
    def register(inflict: Callable[[Incident], Answer]) -> Any:
        name = inflict.__name__
        FAULTS[name] = Fault(name, frozenset(places or ("listing", "report", "content")), inflict)
        return inflict

    return register


def html_page(status: int) -> Answer:
    """Return a page as a proxy sends it."""
    headers = {"Content-Type": "text/html", "Content-Length": str(len(_HTML))}
    return Answer(status, [_HTML], headers)
