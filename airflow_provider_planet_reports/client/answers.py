"""Reading an answer that is read whole: its JSON, without the credentials that it may echo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_planet_reports.client.errors import InvalidResponse
from airflow_provider_planet_reports.client.strict_json import decoded, parsed
from airflow_provider_planet_reports.client.transport.redaction import safe_url
from airflow_provider_planet_reports.client.transport.session import ReportsSession


def get(
    session: ReportsSession,
    address: str,
    parameters: dict[str, Any] | None = None,
    *,
    parse: Callable[[str], Any] = parsed,
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
        text = decoded(response.content)
        value = parse(session.redact.without_credentials(text))
    except ValueError as error:
        why = str(error)
    else:
        # Escapes may hide what is only found once they are resolved.
        return (session.redact.without_credentials_in(value) if "\\" in text else value), where
    kind = session.redact(response.headers.get("Content-Type", "no content type"), where)
    raise InvalidResponse(
        f"The answer is {kind[:100]}, not {expected} ({why}): check the connection's host, and "
        f"whether a proxy or a login page answers. GET {safe_url(where)}"
    )
