"""From a destination to the store behind it."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.connections import connection, fingerprint
from airflow_provider_planet_reports.errors import InvalidInput, MissingPackage, PlanetReportsError
from airflow_provider_planet_reports.landing.destination import Place, place_of
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


def open_store(destination: str | ObjectStoragePath, conn_id: str | None = None) -> Store:
    """Return the store behind a destination.

    :param destination: an ``ObjectStoragePath`` or its URL: ``s3://conn_id@bucket/prefix``,
        ``gs://``, ``abfs://``, ``file://``.
    :param conn_id: connection to use; it may as well stand in the URL.
    :raises InvalidInput: if it is no such URL, its extra is not installed, or its connection
        does not exist or has settings that do not work here.
    """
    place = place_of(destination, conn_id)
    if place.scheme == "file":
        return LocalStore(Path(f"/{place.path}"))
    module, extra, conn_type = _KINDS[place.scheme]
    try:
        opener = import_module(f"{_STORES}.{module}").opened
    except ImportError as error:
        raise MissingPackage(extra, f"{place.scheme}://", error) from None
    from airflow_provider_planet_reports.landing.stores.bucket import BucketStore

    # Without the connection that is named, this machine's own credentials would be used.
    purpose = f"destination {place.scheme}://{place.container}"
    found = connection(place.conn_id, purpose, conn_type) if place.conn_id else None
    return BucketStore(_opened(opener, place, fingerprint(found)), place.url)


@lru_cache(maxsize=64)  # sensors and triggers look again and again
def _opened(opener: Any, place: Place, content: int) -> Any:  # noqa: ARG001
    """Return obstore's stores of a bucket.

    :param opener: of the kind of store.
    :param place: the bucket.
    :param content: changes when the connection or the environment does.
    """
    from airflow.providers.common.compat.sdk import AirflowException
    from obstore.exceptions import BaseError

    try:
        return opener(place)
    except PlanetReportsError:
        raise
    except Exception as error:  # each hook has its own
        final = isinstance(error, (*_BAD_SETTINGS, AirflowException, BaseError))
        kind = InvalidInput if final else DestinationError
        reason = f"{type(error).__name__}: {error}".partition("Debug source")[0].split()
        says = f"Connection {place.conn_id!r} cannot be used: check its fields"
        raise kind(f"{says}. ({' '.join(reason)[:200]})") from None
