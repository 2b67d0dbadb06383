"""JSON as the standard has it (RFC 8259): in UTF-8, with finite numbers, and not endlessly deep."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def decoded(body: bytes) -> str:
    """Return the text of an answer; its encoding is not guessed.

    :param body: UTF-8, with or without a byte order mark.
    :raises ValueError: if it is anything else; it says where.
    """
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = error.start
    raise ValueError(f"it is not UTF-8 at byte {where}")


def parsed(text: str) -> Any:
    """Return the value of a JSON text.

    :param text: the JSON.
    :raises ValueError: if it is none, or one that could not be written again; it says why.
    """
    try:
        return json.loads(text, parse_constant=_not_a_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        why = f"no JSON from character {error.pos} on"
    except RecursionError:
        why = "it is nested too deeply"
    except ValueError as error:  # of the two below, or a number of too many digits
        why = str(error) if type(error) is _NoNumber else "it has a number of too many digits"
    raise ValueError(why)


def deeper_than(levels: int, value: Any) -> bool:
    """Whether a JSON array or object is nested deeper than so many levels."""
    if not levels:
        return True
    for inner in value if isinstance(value, list) else value.values():
        # Anything more general than these two takes five times as long.
        if isinstance(inner, (dict, list)) and deeper_than(levels - 1, inner):
            return True
    return False


class _NoNumber(ValueError):
    """A number that JSON does not have."""


def _not_a_number(name: str) -> NoReturn:
    raise _NoNumber(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NoNumber("it has a number beyond all bounds")
    return number
