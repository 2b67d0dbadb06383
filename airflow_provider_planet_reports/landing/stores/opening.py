"""From what a user writes as destination to the store behind it."""

from __future__ import annotations

import os
import re
import time
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.layout import LONGEST_PREFIX
from airflow_provider_planet_reports.landing.stores.local import LocalStore

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.landing.stores.interface import Store

#: By scheme: the module that opens its buckets, the extra that brings what this needs, and the
#: type of its connections.
_KINDS = {
    "s3": ("amazon", "s3", "aws"),
    "s3a": ("amazon", "s3", "aws"),
    "gs": ("google", "gcs", "google_cloud_platform"),
    "gcs": ("google", "gcs", "google_cloud_platform"),
    "abfs": ("azure", "azure", "wasb"),
    "abfss": ("azure", "azure", "wasb"),
}
_CREDENTIALS = re.compile(r"[\w+.-]*:/*[^@]*:[^@]*@")
_EXAMPLE = "for example s3://my_aws_conn@my-bucket/planet or file:///data/planet"
#: What hooks and obstore raise for settings that cannot be right; anything else may pass.
_BAD_SETTINGS = (TypeError, ValueError, LookupError, OSError, NotImplementedError)
#: Seconds after which a bucket is opened anew: files that a connection names may have changed.
_LONGEST_USE = 900


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


def open_store(destination: str | ObjectStoragePath, conn_id: str | None = None) -> Store:
    """Return the store behind a destination.

    :param destination: an ``ObjectStoragePath`` or its URL: ``s3://conn_id@bucket/prefix``,
        ``gs://``, ``abfs://``, ``file://``.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it is no such URL, its extra is not installed, or its connection
        does not exist or has settings that do not work here.
    """
    place = parse_url(*address(destination, conn_id))
    if place.scheme == "file":
        return LocalStore(Path(place.path))
    module, extra, conn_type = _KINDS[place.scheme]
    try:
        from airflow_provider_planet_reports.landing.stores.bucket import BucketStore

        opener = import_module(f"airflow_provider_planet_reports.landing.stores.{module}")
    except ImportError as error:
        raise InvalidInput(
            f"{place.scheme}:// needs a package that is not installed: pip install "
            f"'airflow-provider-planet-reports[{extra}]'. ({error})"
        ) from None
    content = _content(place, conn_type)
    age = int(time.monotonic() / _LONGEST_USE)
    patient, impatient = _opened(opener.opener, place._replace(scheme=""), content, age)
    root = f"{place.scheme}://{place.container}/{place.path}"
    return BucketStore(patient, impatient, root)


@lru_cache(maxsize=64)  # sensors and triggers look again and again
def _opened(opener: Any, place: Place, content: int, age: int) -> tuple[Any, Any]:  # noqa: ARG001
    """Return the obstore store of a bucket, and one that does not retry.

    :param opener: of the kind of store.
    :param place: the bucket.
    :param content: changes when the connection or the environment does.
    :param age: changes now and then.
    """
    try:
        make = opener(place.container, place.path or None, place.conn_id)
        return make(), make(retry_config={"max_retries": 0})
    except PlanetReportsError:
        raise
    except Exception as error:  # each hook has its own
        kind = InvalidInput if isinstance(error, _BAD_SETTINGS) else DestinationError
        reason = " ".join(str(error).split())[:200]
        raise kind(
            f"Connection {place.conn_id!r} cannot be used: check its fields. "
            f"({type(error).__name__}: {reason})"
        ) from None


def _content(place: Place, conn_type: str) -> int:
    """Return a hash of a destination's connection and of the environment."""
    if place.conn_id is None:
        return hash(frozenset(os.environ.items()))
    from airflow_provider_planet_reports.connections import connection

    # Without one, the store would be opened with this machine's own credentials.
    found = connection(place.conn_id, f"destination {place.scheme}://{place.container}")
    if found.conn_type != conn_type:
        raise InvalidInput(
            f"Connection {place.conn_id!r} has the type {found.conn_type!r}: {place.scheme}:// "
            f"needs {conn_type!r}."
        )
    fields = (found.login, found.password, found.host, found.port, found.schema, found.extra)
    return hash((fields, frozenset(os.environ.items())))


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
    """Return the connection that a destination is opened with; see :func:`open_store`."""
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
    try:
        parts = urlsplit(url.replace("#", "%23").replace("?", "%3F"))
    except ValueError:
        raise InvalidInput(f"destination={url!r} is not a URL: write one, {_EXAMPLE}.") from None
    if not parts.scheme or not url.startswith(f"{url[: len(parts.scheme)]}://"):
        raise InvalidInput(f"destination={url!r} has no scheme: write a URL, {_EXAMPLE}.")
    if parts.scheme not in ("file", *_KINDS):
        raise InvalidInput(
            f"destination has the unknown scheme {parts.scheme!r}: it must be one of "
            f"{', '.join(('file', *_KINDS))}; {_EXAMPLE}."
        )
    own, _, container = parts.netloc.rpartition("@")
    path = parts.path.replace("%23", "#").replace("%3F", "?")
    if ".." in path.split("/"):
        raise InvalidInput(f"destination={url!r} must not have '..' in its path.")
    if parts.scheme == "file":
        if container not in ("", "localhost") or not path.strip("/"):
            raise InvalidInput(
                f"destination={url!r} must have an absolute path with three slashes: "
                "file:///data/planet."
            )
        return Place("file", "", path, _one_of(conn_id, own, url))
    path = path.strip("/")
    if not container:
        raise InvalidInput(f"destination={url!r} names no bucket or container: {_EXAMPLE}.")
    if "//" in path:
        raise InvalidInput(f"destination={url!r} has two slashes in a row: leave one out.")
    if len(path.encode()) > LONGEST_PREFIX:
        raise InvalidInput(
            f"destination has a prefix of {len(path.encode())} bytes, where {LONGEST_PREFIX} are "
            "allowed: with the names of the files below it, keys would get longer than the "
            "stores allow."
        )
    return Place(parts.scheme, container, path, _one_of(conn_id, own, url))


def _one_of(given: str | None, other: str | None, url: str) -> str | None:
    named = {name for name in (given, other) if name}
    if len(named) > 1:
        raise InvalidInput(
            f"Two connections are named for the destination, {' and '.join(sorted(named))}: "
            f"leave out destination_conn_id, or the one in {url!r}."
        )
    return named.pop() if named else None
