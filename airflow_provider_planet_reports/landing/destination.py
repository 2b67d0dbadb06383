"""Where a destination is: its URL, or its ``ObjectStoragePath``, and the connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.layout import LONGEST_PREFIX

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

SCHEMES = ("file", "s3", "s3a", "gs", "gcs", "abfs", "abfss")
_CREDENTIALS = re.compile(r"[\w+.-]*:/*[^@]*:[^@]*@")
_CONTAINER = re.compile(r"[\w.-]+")
_EXAMPLE = "for example s3://my_aws_conn@my-bucket/planet or file:///data/planet"


class Place(NamedTuple):
    """Where a destination is.

    :param scheme: ``file``, ``s3`` and so on.
    :param container: bucket or container; empty for a folder.
    :param path: a folder's absolute path, or the prefix in the bucket.
    :param conn_id: the connection; None for this machine's own credentials.
    """

    scheme: str
    container: str
    path: str
    conn_id: str | None


def address(
    destination: str | ObjectStoragePath, conn_id: str | None = None
) -> tuple[str, str | None]:
    """Return a destination as text: its URL, and the connection that is named beside it.

    :param destination: an ``ObjectStoragePath`` or its URL.
    :param conn_id: connection to use.
    :raises InvalidInput: if it is neither, or if two connections are named.
    """
    if isinstance(destination, str):
        return destination, conn_id
    if type(destination).__name__ != "ObjectStoragePath":
        raise InvalidInput(
            f"destination={destination!r} is not allowed: it must be an ObjectStoragePath or its "
            "URL."
        )
    options = getattr(destination, "storage_options", {})
    own = getattr(destination, "conn_id", None) or options.get("conn_id")  # as on Airflow 2.11
    return str(destination), _one_of(conn_id, own, str(destination))


def connection_of(destination: str | ObjectStoragePath, conn_id: str | None = None) -> str | None:
    """Return the connection that a destination is opened with; see :func:`.open_store`."""
    return parse_url(*address(destination, conn_id)).conn_id


def parse_url(url: str, conn_id: str | None = None) -> Place:
    """Return where a destination's URL leads.

    :param url: the URL, or an absolute path.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it leads nowhere, or names another connection.
    """
    url = url.strip()
    if url.startswith("/"):
        url = f"file://{url}"
    if _CREDENTIALS.match(url):
        raise InvalidInput(
            "destination has credentials in its URL: put them into an Airflow connection and "
            f"name that, {_EXAMPLE}."
        )
    scheme, found, rest = url.partition("://")
    scheme = scheme.lower()
    if not found:
        raise InvalidInput(f"destination={url!r} has no scheme: write a URL, {_EXAMPLE}.")
    if scheme not in SCHEMES:
        raise InvalidInput(  # without the URL, which may be a signed link
            f"destination has the unknown scheme {scheme!r}: it must be one of "
            f"{', '.join(SCHEMES)}; {_EXAMPLE}."
        )
    host, _, path = rest.partition("/")
    own, _, container = host.rpartition("@")
    if ".." in path.split("/"):
        raise InvalidInput(f"destination={url!r} must not have '..' in its path.")
    if scheme == "file":
        if container not in ("", "localhost") or not path.strip("/"):
            raise InvalidInput(
                f"destination={url!r} must have an absolute path with three slashes: "
                "file:///data/planet."
            )
        return Place("file", "", f"/{path}", _one_of(conn_id, own, url))
    path = path.strip("/")
    if not _CONTAINER.fullmatch(container):
        raise InvalidInput(f"destination={url!r} names no bucket or container: {_EXAMPLE}.")
    if "//" in path:
        raise InvalidInput(f"destination={url!r} has two slashes in a row: leave one out.")
    if len(path.encode()) > LONGEST_PREFIX:
        raise InvalidInput(
            f"destination has a prefix of {len(path.encode())} bytes, where {LONGEST_PREFIX} are "
            "allowed: with the names of the files below it, keys would get longer than the "
            "stores allow."
        )
    return Place(scheme, container, path, _one_of(conn_id, own, url))


def _one_of(given: str | None, other: str | None, url: str) -> str | None:
    named = {name for name in (given, other) if name}
    if len(named) > 1:
        raise InvalidInput(
            f"Two connections are named for the destination, {' and '.join(sorted(named))}: "
            f"leave out destination_conn_id, or the one in {url!r}."
        )
    return named.pop() if named else None
