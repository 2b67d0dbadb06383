"""Reading an answer that is read whole: its JSON, without the credentials that it may echo."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

from airflow_provider_planet_reports.client.errors import InvalidResponse
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession


def get(
    session: ReportsSession,
    address: str,
    parameters: dict[str, Any] | None = None,
    *,
    parse: Callable[[str], Any] = json.loads,
    expected: str = "JSON",
) -> tuple[Any, str]:
    """Return the value of an answer, and the address that it really came from.

    :param session: sends the request.
    :param address: absolute address.
    :param parameters: the query.
    :param parse: makes the value of the answer's text.
    :param expected: what the text should be, for the message.
    :raises PlanetReportsError: if the request is refused, or the answer is something else.
    """
    response = session.get(address, params=parameters)
    session.raise_for_status(response)
    where = response.url
    try:
        # JSON is UTF-8 (RFC 8259), whatever the header says; some put a byte order mark in front.
        text = response.content.decode("utf-8-sig")
        return session.redact.parsed(text, parse), where
    except (ValueError, RecursionError) as error:
        why = str(error)
    kind = session.redact(response.headers.get("Content-Type", "no content type"), where)
    raise InvalidResponse(
        f"The answer is {kind[:100]}, not {expected} ({why}): check the connection's host, and "
        f"whether a proxy or a login page answers. GET {safe_url(where)}"
    )


def json_or_yaml(text: str) -> Any:
    """Return the value of a JSON or YAML text, as JSON can hold it.

    :param text: the JSON or YAML.
    :raises ValueError: if it is neither; it says why.
    """
    import yaml  # type: ignore[import-untyped]

    with contextlib.suppress(ValueError):
        return json.loads(text)
    try:
        # YAML has dates, which JSON writes as text.
        return json.loads(json.dumps(yaml.safe_load(text), default=str))
    except (yaml.YAMLError, TypeError) as error:  # they quote the text
        why = type(error).__name__
    raise ValueError(f"neither JSON nor YAML: {why}")
