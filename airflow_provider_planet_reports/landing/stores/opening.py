"""From a destination to the store behind it."""

from __future__ import annotations

import os
import time
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.connections import connection
from airflow_provider_planet_reports.errors import InvalidInput, PlanetReportsError
from airflow_provider_planet_reports.landing.destination import Place, address, parse_url
from airflow_provider_planet_reports.landing.errors import DestinationError
from airflow_provider_planet_reports.landing.stores.local import LocalStore

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.landing.stores.interface import Store

_STORES = "airflow_provider_planet_reports.landing.stores"
#: The module that opens a kind of store, the extra with what it imports, its connections' type.
_S3, _GOOGLE = ("amazon", "s3", "aws"), ("google", "gcs", "google_cloud_platform")
_AZURE = ("azure", "azure", "wasb")
_KINDS = {"s3": _S3, "s3a": _S3, "gs": _GOOGLE, "gcs": _GOOGLE, "abfs": _AZURE, "abfss": _AZURE}
#: What hooks and obstore raise for settings that cannot be right; anything else may pass.
_BAD_SETTINGS = (TypeError, ValueError, LookupError, OSError, NotImplementedError)
#: Seconds after which a bucket is opened anew: files that a connection names may have changed.
_LONGEST_USE = 900


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
        opener = import_module(f"{_STORES}.{module}").opener
    except ImportError as error:
        raise InvalidInput(
            f"{place.scheme}:// needs a package that is not installed: pip install "
            f"'airflow-provider-planet-reports[{extra}]'. ({error})"
        ) from None
    from airflow_provider_planet_reports.landing.stores.bucket import BucketStore

    age = int(time.monotonic() / _LONGEST_USE)
    patient, impatient = _opened(opener, place, _content(place, conn_type), age)
    return BucketStore(patient, impatient, f"{place.scheme}://{place.container}/{place.path}")


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
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        says = f"Connection {place.conn_id!r} cannot be used: check its fields"
        raise kind(f"{says}. ({reason})") from None


def _content(place: Place, conn_type: str) -> int:
    """Return a hash of a destination's connection and of the environment."""
    environment = frozenset(os.environ.items())
    if place.conn_id is None:
        return hash(environment)
    # Without the connection, this machine's own credentials would be used.
    found = connection(place.conn_id, f"destination {place.scheme}://{place.container}")
    if found.conn_type != conn_type:
        raise InvalidInput(
            f"Connection {place.conn_id!r} has the type {found.conn_type!r}: {place.scheme}:// "
            f"needs {conn_type!r}."
        )
    return hash((found.login, found.password, found.host, found.extra, environment))
