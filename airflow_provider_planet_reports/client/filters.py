"""Filters of a listing, checked before any request is made."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import quote, urlsplit

from airflow_provider_planet_reports.errors import InvalidInput

#: Values named by the public reference; other listings of the same shape have their own.
REPORT_TYPES = ("detailed", "summary")
CADENCES = ("daily", "monthly")
#: Asked for when the user names no page size: the server's default is 50, and round trips
#: are nearly the whole cost of a listing.
LARGE_PAGE = 1000

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Filters:
    """What to list. ``None`` and empty text both mean: not given.

    :param org_id: organization, digits, as the user writes it (leading zeros are kept).
    :param plan_id: plan, digits.
    :param report_type: ``detailed`` or ``summary``; with a ``path``, any name.
    :param cadence: ``daily`` or ``monthly``; with a ``path``, any name.
    :param start: first day, inclusive: a date or ``YYYY-MM-DD``.
    :param end: last day, inclusive: a date or ``YYYY-MM-DD``.
    :param page_size: reports per page, 1 or more.
    :param query: further query parameters by name.
    :param path: another listing of the same shape, relative to the base URL.
    :raises InvalidInput: naming the parameter, the value and what is allowed.
    """

    org_id: str | int | None = None
    plan_id: str | int | None = None
    report_type: str | None = None
    cadence: str | None = None
    start: str | dt.date | None = None
    end: str | dt.date | None = None
    page_size: int | str | None = None
    query: Mapping[str, Any] | None = None
    path: str | None = None
    parameters: dict[str, Any] = field(init=False, repr=False, compare=False)
    _kwargs: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = {name: _given(getattr(self, name)) for name in self.names()}
        query = {} if given["query"] is None else _query("query", given["query"])
        path = None if given["path"] is None else _path("path", given["path"])
        checks: dict[str, Callable[[str, Any], Any]] = {
            "org_id": _digits,
            "plan_id": _digits,
            # Other listings have names of their own.
            "report_type": _text if path else _choice_of(REPORT_TYPES),
            "cadence": _text if path else _choice_of(CADENCES),
            "start": _date,
            "end": _date,
            "page_size": _page_size,
        }
        own = {
            name: check(name, given[name])
            for name, check in checks.items()
            if given[name] is not None
        }
        if "start" in own and "end" in own and own["start"] > own["end"]:
            raise InvalidInput(
                f"start must not be after end: start={own['start']}, end={own['end']}."
            )
        if twice := sorted(query.keys() & own.keys()):
            raise InvalidInput(
                f"query={twice[0]!r} is also given as the parameter {twice[0]}: give it once."
            )
        object.__setattr__(self, "path", path)
        object.__setattr__(self, "parameters", {**own, **query})
        object.__setattr__(
            self, "_kwargs", {**own, **({"query": query} if query else {}), "path": path}
        )

    @property
    def page_size_is_free(self) -> bool:
        """Whether the user left the page size to us."""
        return "page_size" not in self.parameters

    def to_kwargs(self) -> dict[str, Any]:
        """Return the filters that were given as keyword arguments: checked, and JSON-safe."""
        kwargs = self._kwargs
        return {name: kwargs[name] for name in self.names() if kwargs.get(name) is not None}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the keyword parameters, in the order of the documentation."""
        return tuple(each.name for each in fields(cls) if each.init)


def _given(value: Any) -> Any:
    """Return None for what a rendered template leaves when there is nothing to render."""
    if isinstance(value, str):
        value = value.strip()
    return None if value == "" else value


def _digits(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not _is_number(str(value)):
        raise InvalidInput(f"{name}={value!r} is not allowed: it must be digits, for example 4321.")
    return str(value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InvalidInput(f"{name}={value!r} is not allowed: it must be text.")
    return value


def _choice_of(allowed: tuple[str, ...]) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in allowed:
            names = " or ".join(map(repr, allowed))
            raise InvalidInput(f"{name}={value!r} is not allowed: it must be {names}.")
        return str(value)

    return check


def _date(name: str, value: Any) -> str:
    if isinstance(value, dt.datetime):  # a datetime is a date too: its day is the one in UTC
        utc = value if value.tzinfo is None else value.astimezone(dt.timezone.utc)
        return utc.date().isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, str) and _DATE.fullmatch(value):
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(value).isoformat()
    raise InvalidInput(
        f"{name}={value!r} is not a date: it must be a date or text like '2026-11-01' "
        "(in a template, the filter `| ds` makes one)."
    )


def _page_size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not _is_number(str(value)) or int(value) < 1:
        raise InvalidInput(f"{name}={value!r} is not allowed: it must be a whole number from 1.")
    return int(value)


def _query(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) and each for each in value):
        raise InvalidInput(
            f"{name}={value!r} is not allowed: it must be a mapping of parameter names to values."
        )
    return {each: _query_value(each, item) for each, item in value.items() if item is not None}


def _query_value(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_query_value(name, item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float, dt.date)):
        return str(value)
    raise InvalidInput(
        f"query[{name!r}]={value!r} is not allowed: it must be text, a number, a date or a list."
    )


def _path(name: str, value: Any) -> str:
    if not isinstance(value, str) or not _is_relative(value):
        raise InvalidInput(
            f"{name}={value!r} is not allowed: it must be relative to the base URL, like "
            "'some-listing/', without '..', host or query (use query= for parameters)."
        )
    return quote(value.lstrip("/"), safe="/%:@!$&'()*+,;=~-._")


def _is_relative(path: str) -> bool:
    try:
        parts = urlsplit(path)
    except ValueError:
        return False
    bare = not (parts.scheme or parts.netloc or parts.query or parts.fragment)
    steps = path.replace("\\", "/").replace("%2e", ".").replace("%2E", ".").split("/")
    return bare and ".." not in steps and "\\" not in path and bool(path.strip("/"))
