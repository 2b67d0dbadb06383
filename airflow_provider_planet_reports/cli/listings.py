"""The listings that the API's own specification has: what the command ``listings`` shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

COLUMNS = ("path", "parameters", "reached by", "summary")


def listings(spec: Mapping[str, Any], base_url: str) -> Iterator[dict[str, str]]:
    """Yield a row for each address that can be asked for without an id.

    ``path=`` reaches those whose answers have a list ``reports``, below the connection's host.

    :param spec: the OpenAPI document, version 2 or 3.
    :param base_url: address of the API, ending in a slash.
    """
    root = urlsplit(base_url).path
    server = _server_path(spec, base_url)
    for path, item in sorted(spec["paths"].items()):
        operation = item.get("get") if isinstance(item, dict) else None
        if not isinstance(operation, dict) or "{" in path:
            continue
        address = server.rstrip("/") + "/" + path.lstrip("/")
        below = address.startswith(root)
        reached = "-"
        if _lists_reports(spec, operation) and below:
            reached = f"path={address.removeprefix(root)!r}" if address != root else "no path"
        parameters = [*_list(item.get("parameters")), *_list(operation.get("parameters"))]
        names = [_resolved(spec, each) for each in parameters]
        yield {
            "path": address,
            "parameters": " ".join(str(each["name"]) for each in names if each.get("in") == "query")
            or "-",
            "reached by": reached,
            "summary": str(operation.get("summary") or "-"),
        }


def _server_path(spec: Mapping[str, Any], base_url: str) -> str:
    servers = _list(spec.get("servers"))
    named = servers[0].get("url") if servers and isinstance(servers[0], dict) else None
    return urlsplit(urljoin(base_url, str(named or spec.get("basePath") or ""))).path


def _lists_reports(spec: Mapping[str, Any], operation: Mapping[str, Any]) -> bool:
    """Whether the answer to a request has a list ``reports``."""
    answer = _resolved(spec, (operation.get("responses") or {}).get("200"))
    contents = answer.get("content")
    kinds = contents.values() if isinstance(contents, dict) else [answer]
    return any(
        "reports" in (_resolved(spec, part).get("properties") or {})
        for kind in kinds
        if isinstance(kind, dict)
        for part in _parts(spec, kind.get("schema"))
    )


def _parts(spec: Mapping[str, Any], schema: object) -> list[Any]:
    """Return a schema, and those that it is made up of."""
    resolved = _resolved(spec, schema)
    return [resolved, *_list(resolved.get("allOf"))]


def _resolved(spec: Mapping[str, Any], value: object) -> dict[str, Any]:
    """Return what a value refers to, if it is a reference; an empty object for nonsense."""
    for _ in range(10):  # references to references; a circle is nonsense
        if not isinstance(value, dict):
            return {}
        reference = value.get("$ref")
        if not isinstance(reference, str):
            return value
        value = spec
        for step in reference.removeprefix("#/").split("/"):
            value = value.get(step) if isinstance(value, Mapping) else None
    return {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
