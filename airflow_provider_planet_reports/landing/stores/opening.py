"""From what a user writes as destination to the store behind it."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.layout import LONGEST_PREFIX
from airflow_provider_planet_reports.landing.stores.local import LocalStore
from airflow_provider_planet_reports.landing.stores.object_store import ObjectStore
from airflow_provider_planet_reports.landing.zone import LandingZone

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.landing.stores.interface import Store

log = logging.getLogger(__name__)

#: Schemes by which the four stores go, and the extra that brings what each needs.
_EXTRAS = {
    "file": None,
    "s3": "s3",
    "s3a": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "abfs": "azure",
    "abfss": "azure",
}
_CREDENTIALS = re.compile(r"[\w+.-]*:/*[^@]*:[^@]*@")


def open_store(destination: str | ObjectStoragePath, conn_id: str | None = None) -> Store:
    """Return the store behind a destination.

    :param destination: an ``ObjectStoragePath`` or its URL: ``s3://conn_id@bucket/prefix``,
        ``gs://``, ``abfs://``, ``file://``.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it is no such URL, its file system is not installed, or the
        connection does not exist.
    """
    url, conn_id = address(destination, conn_id)
    scheme, container, prefix, url_conn_id = _taken_apart(url)
    conn_id = _one_of(conn_id, url_conn_id, url)
    if scheme == "file":
        return LocalStore(Path(prefix))
    if conn_id is not None:
        # Where there is none, the store would be tried with its default credentials.
        from airflow_provider_planet_reports.connections import connection

        connection(conn_id, f"destination {url!r}")
    return _object_store(scheme, container, prefix.strip("/"), conn_id)


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
    url = _url_of(destination)
    return url, _one_of(conn_id, _conn_id_of(destination), url)


def connection_of(destination: str | ObjectStoragePath, conn_id: str | None = None) -> str | None:
    """Return the connection that a destination is opened with; see :func:`open_store`."""
    url, conn_id = address(destination, conn_id)
    return _one_of(conn_id, _taken_apart(url)[3], url)


def _url_of(destination: object) -> str:
    if type(destination).__name__ != "ObjectStoragePath":
        raise InvalidInput(
            f"destination={destination!r} is not allowed: it must be an ObjectStoragePath or its "
            "URL."
        )
    return str(destination)


def _conn_id_of(destination: object) -> str | None:
    """Return an ``ObjectStoragePath``'s connection id, which Airflow 2.11 keeps elsewhere."""
    options = getattr(destination, "storage_options", {})
    return getattr(destination, "conn_id", None) or options.get("conn_id")


def _taken_apart(url: str) -> tuple[str, str, str, str | None]:
    """Return scheme, bucket or container, prefix and connection id of a destination's URL."""
    url = url.strip()
    example = "for example s3://my_aws_conn@my-bucket/planet or file:///data/planet"
    if url.startswith("/"):
        url = f"file://{url}"
    if _CREDENTIALS.match(url):
        raise InvalidInput(
            "destination has credentials in its URL: put them into an Airflow connection and "
            f"name that, {example}."
        )
    try:
        parts = urlsplit(url.replace("#", "%23").replace("?", "%3F"))
    except ValueError:
        raise InvalidInput(f"destination={url!r} is not a URL: write one, {example}.") from None
    if not parts.scheme or not url.startswith(f"{url[: len(parts.scheme)]}://"):
        raise InvalidInput(f"destination={url!r} has no scheme: write a URL, {example}.")
    if parts.scheme not in _EXTRAS:
        raise InvalidInput(
            f"destination has the unknown scheme {parts.scheme!r}: it must be one of "
            f"{', '.join(_EXTRAS)}; {example}."
        )
    conn_id, _, container = parts.netloc.rpartition("@")
    prefix = parts.path.replace("%23", "#").replace("%3F", "?")
    if parts.scheme == "file":
        if container not in ("", "localhost") or not prefix.strip("/"):
            raise InvalidInput(
                f"destination={url!r} must have an absolute path with three slashes: "
                "file:///data/planet."
            )
    elif not container:
        raise InvalidInput(f"destination={url!r} names no bucket or container: {example}.")
    elif len(prefix.strip("/").encode()) > LONGEST_PREFIX:
        raise InvalidInput(
            f"destination has a prefix of {len(prefix.strip('/').encode())} bytes, where "
            f"{LONGEST_PREFIX} are allowed: with the names of the files below it, keys would get "
            "longer than the stores allow."
        )
    if ".." in prefix.split("/"):
        raise InvalidInput(f"destination={url!r} must not have '..' in its path.")
    return parts.scheme, container, prefix, conn_id or None


def _one_of(given: str | None, other: str | None, url: str) -> str | None:
    named = {name for name in (given, other) if name}
    if len(named) > 1:
        raise InvalidInput(
            f"Two connections are named for the destination, {' and '.join(sorted(named))}: "
            f"leave out destination_conn_id, or the one in {url!r}."
        )
    return named.pop() if named else None


def _object_store(scheme: str, container: str, prefix: str, conn_id: str | None) -> Store:
    """Return a store through obstore, where it does exactly as the connection says."""
    from airflow_provider_planet_reports.landing.stores import connections as obstore_connections

    root = f"{container}/{prefix}".rstrip("/")
    try:
        bucket = obstore_connections.bucket(scheme, container, prefix, conn_id)
    except obstore_connections.NotCarriedOver as reason:
        log.info("%s://%s goes through Airflow's ObjectStoragePath: %s.", scheme, root, reason)
        return ObjectStore(_file_system(scheme, container, conn_id), root, f"{scheme}://{root}")
    from airflow_provider_planet_reports.landing.stores.bucket import ObstoreStore

    log.info("%s://%s goes through obstore.", scheme, root)
    return ObstoreStore(bucket, f"{scheme}://{root}")


def _file_system(scheme: str, container: str, conn_id: str | None) -> object:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        return ObjectStoragePath(f"{scheme}://{container}", conn_id=conn_id).fs
    except (ImportError, ValueError) as error:
        raise InvalidInput(
            f"The file system for {scheme}:// is not installed ({error}): "
            f"pip install 'airflow-provider-planet-reports[{_EXTRAS[scheme]}]'."
        ) from None


def open_zone(destination: str | ObjectStoragePath, conn_id: str | None = None) -> LandingZone:
    """Return the landing zone in a destination.

    :param destination: an ``ObjectStoragePath`` or its URL: ``s3://conn_id@bucket/prefix``,
        ``gs://``, ``abfs://``, ``file://``.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it is no such URL, its file system is not installed, or the
        connection does not exist.
    """
    return LandingZone(open_store(destination, conn_id))
