"""JSON as the standard has it (RFC 8259): in UTF-8, with finite numbers, and not endlessly deep."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

#: Digits of an integer; Python's own limit is 4,300, and may be set down to 640.
_LONGEST_INTEGER = 600


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

    A number that JSON does not have, or that could not be written again, becomes NaN, for
    :func:`flaw_of` to find: in a listing it then costs the entry that it stands in, and not all.

    :param text: the JSON.
    :raises ValueError: if it is none; it says why.
    """
    try:
        return json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        why = f"no JSON from character {error.pos} on"
    except RecursionError:
        why = "it is nested too deeply"
    raise ValueError(why)


def json_or_yaml(text: str) -> Any:
    """Return the value of a JSON or YAML text, as JSON can hold it.

    :param text: the JSON or YAML.
    :raises ValueError: if it is neither; it says why.
    """
    import yaml  # type: ignore[import-untyped]

    with contextlib.suppress(ValueError):
        return parsed(text)
    try:
        # YAML has dates, which JSON writes as text.
        return json.loads(json.dumps(yaml.safe_load(text), default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        why = type(error).__name__
    raise ValueError(f"neither JSON nor YAML: {why}")


def flaw_of(value: dict[str, Any] | list[Any], levels: int) -> str | None:
    """Return why a JSON array or object cannot be relied on to be copied and written again.

    :param value: the array or object.
    :param levels: how many levels deep it may be nested.
    :return: what is wrong, or None.
    """
    if not levels:
        return "is nested too deeply"
    for inner in value if isinstance(value, list) else value.values():
        # Anything more general than these two takes five times as long.
        if isinstance(inner, (dict, list)):
            if flaw := flaw_of(inner, levels - 1):
                return flaw
        elif type(inner) is float and not math.isfinite(inner):
            return "has a number that is none"
    return None


def _whole(text: str) -> float:
    """Return an integer; Python refuses to read or write very long ones."""
    return int(text) if len(text) <= _LONGEST_INTEGER else math.nan
