"""Where a destination is: its URL, or its ``ObjectStoragePath``, and the connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from airflow_provider_planet_reports.errors import InvalidInput

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
    :param path: path of the folder, or prefix in the bucket, without slashes around it.
    :param conn_id: the connection; None for this machine's own credentials.
    """

    scheme: str
    container: str
    path: str
    conn_id: str | None

    @property
    def url(self) -> str:
        """Its URL, without connection id."""
        return f"{self.scheme}://{self.container}/{self.path}"


def place_of(destination: str | ObjectStoragePath, conn_id: str | None = None) -> Place:
    """Return where a destination is.

    :param destination: an ``ObjectStoragePath``, its URL, or an absolute path.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it leads nowhere, or if two connections are named.
    """
    of_path = None
    if not isinstance(destination, str):
        if type(destination).__name__ != "ObjectStoragePath":
            raise InvalidInput(
                f"destination={destination!r} is not allowed: it must be an ObjectStoragePath or "
                "its URL."
            )
        options = getattr(destination, "storage_options", {})
        of_path = getattr(destination, "conn_id", None) or options.get("conn_id")  # Airflow 2.11
    url = str(destination).strip()
    if url.startswith("/"):
        url = f"file://{url}"
    if _CREDENTIALS.match(url):
        raise InvalidInput(
            "destination has credentials in its URL: put them into an Airflow connection and "
            f"name that, {_EXAMPLE}."
        )
    scheme, found, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in SCHEMES:
        what = f"the unknown scheme {scheme!r}" if found else "no scheme"
        raise InvalidInput(  # without the URL, which may be a signed link
            f"destination has {what}: write a URL, {_EXAMPLE}. Its scheme must be one of "
            f"{', '.join(SCHEMES)}."
        )
    host, _, path = rest.partition("/")
    of_url, _, container = host.rpartition("@")
    path = path.strip("/")
    if "//" in path or ".." in path.split("/"):
        raise InvalidInput(f"destination={url!r} must not have '..' or '//' in its path.")
    if scheme == "file" and (container or not path):
        raise InvalidInput(
            f"destination={url!r} must have an absolute path with three slashes: "
            "file:///data/planet."
        )
    if scheme != "file" and not _CONTAINER.fullmatch(container):
        raise InvalidInput(f"destination={url!r} names no bucket or container: {_EXAMPLE}.")
    conn_ids = sorted({each for each in (conn_id, of_path, of_url) if each})
    if len(conn_ids) > 1:
        raise InvalidInput(
            f"Two connections are named for the destination, {' and '.join(conn_ids)}: "
            f"leave out destination_conn_id, or the one in {url!r}."
        )
    return Place(scheme, container, path, conn_ids[0] if conn_ids else None)
