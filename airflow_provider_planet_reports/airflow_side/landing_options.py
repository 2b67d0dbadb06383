"""How to land: parameters that a template may have made text of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from airflow_provider_planet_reports.airflow_side.parameters import literals
from airflow_provider_planet_reports.errors import InvalidInput

_ROW_COUNT_CHECKS = ("ignore", "warn", "fail")
_NOTHING_NEW = ("succeed", "skip")
_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class LandingOptions:
    """Parameters of the landing operator. ``None`` and empty text both mean: the default.

    :param max_workers: parts downloaded at a time.
    :param overwrite: whether to land again what is landed.
    :param row_count_check: what to do about another number of rows than announced.
    :param on_nothing_new: what to do when nothing was landed.
    :param except_reports: ids of reports to leave out: a list, or text with commas between them.
    :raises InvalidInput: naming the parameter, the value and what is allowed.
    """

    max_workers: Any = 16
    overwrite: Any = False
    row_count_check: Any = "warn"
    on_nothing_new: Any = "succeed"
    except_reports: Any = ()

    def __post_init__(self) -> None:
        checks = {
            "max_workers": _whole_number,
            "overwrite": flag,
            "row_count_check": _one_of(_ROW_COUNT_CHECKS),
            "on_nothing_new": _one_of(_NOTHING_NEW),
            "except_reports": report_ids,
        }
        for field in fields(self):
            value = getattr(self, field.name)
            value = value.strip() if isinstance(value, str) else value
            value = field.default if value in (None, "") else value
            object.__setattr__(self, field.name, checks[field.name](field.name, value))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the parameters."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def of(cls, owner: object) -> LandingOptions:
        """Return the options that an operator keeps as attributes, checked."""
        return cls(**{name: getattr(owner, name) for name in cls.names()})

    @classmethod
    def check_literals(cls, owner: object) -> None:
        """Check those options of an operator that no template is to make yet."""
        cls(**literals(owner, cls.names()))


def _whole_number(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not _is_positive(str(value)):
        raise InvalidInput(f"{name}={value!r} is not allowed: it must be a whole number from 1.")
    return int(value)


def _is_positive(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def flag(name: str, value: Any) -> bool:
    """Return a parameter that a template may have made text of as a truth value.

    :param name: the parameter.
    :param value: a truth value, or its name.
    :raises InvalidInput: naming the parameter and the value.
    """
    found = _FLAGS.get(str(value).strip().lower())
    if found is None:
        raise InvalidInput(f"{name}={value!r} is not allowed: it must be True or False.")
    return found


def report_ids(name: str, value: Any) -> frozenset[str]:
    """Return report ids as a set.

    :param name: the parameter.
    :param value: a list, or text with commas between them.
    :raises InvalidInput: naming the parameter and the value.
    """
    ids = value.split(",") if isinstance(value, str) else value
    if not isinstance(ids, Iterable) or not all(isinstance(each, (str, int)) for each in ids):
        raise InvalidInput(f"{name}={value!r} is not allowed: it must be a list of report ids.")
    return frozenset(str(each).strip() for each in ids) - {""}


def _one_of(allowed: tuple[str, ...]) -> Any:
    def check(name: str, value: Any) -> Any:
        if value not in allowed:
            names = ", ".join(map(repr, allowed))
            raise InvalidInput(f"{name}={value!r} is not allowed: it must be one of {names}.")
        return value

    return check
