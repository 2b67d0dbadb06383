"""Filters of a listing, checked before any request is made."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote, unquote

from airflow_provider_planet_reports.errors import InvalidInput

#: Values named by the public reference; other listings of the same shape have their own.
REPORT_TYPES = ("detailed", "summary")
CADENCES = ("daily", "monthly")
#: Asked for when the user names no page size: the server's default is 50, and round trips
#: are nearly the whole cost of a listing.
LARGE_PAGE = 1000

_PATH = re.compile(r"/?[^/?#\\:][^?#\\:]*")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Filters:
    """What to list, checked; texts as they are sent. ``None`` and empty text mean: not given.

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

    def __post_init__(self) -> None:
        for name in reversed(self.names()):  # path first: other listings have types of their own
            value = getattr(self, name)
            value = value.strip() if isinstance(value, str) else value
            given = value not in (None, "", {})
            object.__setattr__(self, name, self._checked(name, value) if given else None)
        # Both are ISO dates by now.
        if self.start and self.end and str(self.start) > str(self.end):
            raise InvalidInput(f"start must not be after end: start={self.start}, end={self.end}.")
        if twice := sorted(self._own().keys() & (self.query or {}).keys()):
            raise InvalidInput(
                f"query={twice[0]!r} is also given as the parameter {twice[0]}: give it once."
            )

    def _checked(self, name: str, value: Any) -> Any:
        if name in ("start", "end"):
            return _date(name, value)
        if name == "query":
            return _query(value)
        if name == "path":
            return _path(value)
        if name in ("report_type", "cadence"):
            allowed = REPORT_TYPES if name == "report_type" else CADENCES
            if isinstance(value, str) and (self.path or value in allowed):
                return value
            raise _wrong(name, value, "text" if self.path else " or ".join(map(repr, allowed)))
        return _page_size(value) if name == "page_size" else _id(name, value)

    def _own(self) -> dict[str, Any]:
        return {
            name: value for name, value in self.to_kwargs().items() if name not in ("query", "path")
        }

    @property
    def parameters(self) -> dict[str, Any]:
        """The query of the first request."""
        return {**self._own(), **(self.query or {})}

    def to_kwargs(self) -> dict[str, Any]:
        """Return the filters that were given as keyword arguments: checked, and JSON-safe."""
        given = ((name, getattr(self, name)) for name in self.names())
        return {name: value for name, value in given if value is not None}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the keyword parameters, in the order of the documentation."""
        return tuple(each.name for each in fields(cls))


def _wrong(name: str, value: Any, rule: str) -> InvalidInput:
    return InvalidInput(f"{name}={value!r} is not allowed: it must be {rule}.")


def _id(name: str, value: Any) -> str:
    """Return an id as it is written, leading zeros included."""
    if not re.fullmatch(r"[0-9]+", str(value)):
        raise _wrong(name, value, "digits, for example 4321")
    return str(value)


def _page_size(value: Any) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]*", str(value)):
        raise _wrong("page_size", value, "a whole number from 1")
    return int(value)


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


def _query(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(each, str) and each for each in value):
        raise _wrong("query", value, "a mapping of parameter names to values")
    return {each: _query_value(each, item) for each, item in value.items() if item is not None}


def _query_value(name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_query_value(name, item) for item in value]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float, dt.date)):
        return str(value)
    raise _wrong(f"query[{name!r}]", value, "text, a number, a date or a list")


def _path(value: Any) -> str:
    inside = isinstance(value, str) and _PATH.fullmatch(value)
    if not inside or ".." in unquote(value).split("/"):
        rule = (
            "relative to the base URL, like 'some-listing/', without '..', host or query (use "
            "query= for parameters)"
        )
        raise _wrong("path", value, rule)
    return quote(value.lstrip("/"), safe="/%:@!$&'()*+,;=~-._")
