"""From Airflow's connections to obstore: what can be carried over, and what can't.

The official hooks read the connections; what they make of one is what obstore gets. It gets no
setting and no credentials from elsewhere.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obstore.store import AzureStore, ClientConfig, RetryConfig, S3Store

#: A request that fails is tried again within some ten seconds, and not at all after a minute.
RETRIES: RetryConfig = {
    "max_retries": 5,
    "retry_timeout": dt.timedelta(seconds=60),
    "backoff": {
        "init_backoff": dt.timedelta(milliseconds=500),
        "max_backoff": dt.timedelta(seconds=15),
        "base": 3,
    },
}


class NotCarriedOver(Exception):
    """A destination is not for obstore; the message says why, and names no secret."""


#: Processes that have used obstore: this one, or those that it was forked from.
_used_in: set[int] = set()


def bucket(scheme: str, container: str, prefix: str, conn_id: str | None) -> S3Store | AzureStore:
    """Return the obstore store for a destination.

    :param scheme: of the destination's URL.
    :param container: bucket or container.
    :param prefix: below which everything goes; may be empty.
    :param conn_id: the connection.
    :raises NotCarriedOver: if obstore is not installed, or would not do exactly as the
        connection says.
    """
    if _used_in - {os.getpid()}:  # its threads are not there any more, and it would wait for them
        raise NotCarriedOver("obstore was used before this process was forked")
    if "" in prefix.split("/")[1:]:
        raise NotCarriedOver("the prefix has an empty part, which obstore refuses")
    try:
        found = _bucket(scheme, container, prefix, conn_id)
    except NotCarriedOver:
        raise
    except ImportError as error:
        raise NotCarriedOver(f"{error.name} is not installed") from None
    except Exception as error:  # the fallback may do without, or tells what is wrong
        raise NotCarriedOver(f"its connection can't be read ({type(error).__name__})") from None
    _used_in.add(os.getpid())
    return found


@lru_cache(maxsize=64)  # who waits for reports looks again and again; Airflow keeps its own too
def _bucket(scheme: str, container: str, prefix: str, conn_id: str | None) -> S3Store | AzureStore:
    import obstore  # noqa: F401  # ahead of what takes longer

    if scheme in ("s3", "s3a"):
        from airflow_provider_planet_reports.landing.stores.aws import s3_store

        return s3_store(container, prefix, conn_id)
    if scheme in ("abfs", "abfss"):
        from airflow_provider_planet_reports.landing.stores.azure import azure_store

        return azure_store(container, prefix, conn_id)
    raise NotCarriedOver(f"obstore is not used for {scheme}://")


def client_options(endpoint: str, verify: bool | str | None = None) -> ClientConfig:
    """Return options for obstore's HTTP client.

    :param endpoint: where it goes.
    :param verify: whether to verify certificates, or the file of those to trust; by default
        those that Python's clients trust.
    :raises NotCarriedOver: if certificates are not in one file.
    """
    options: ClientConfig = {
        "allow_http": endpoint.startswith("http://"),
        "connect_timeout": "10s",
        # A part has to be through, and answered, by then: 16 at a time need 1.1 MB/s.
        "read_timeout": "2m",
        # However long a large object takes to read.
        "timeout": "1d",
    }
    if verify is False:
        options["allow_invalid_certificates"] = True
        return options
    from certifi import where

    file = Path(verify if isinstance(verify, str) else _bundle_of_surroundings() or where())
    if not file.is_file():
        raise NotCarriedOver("its certificates are not in one file")
    options["root_certificate"] = file.read_bytes()
    return options


def _bundle_of_surroundings() -> str | None:
    return os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")


def refuse_others(carried: set[str], settings: Iterable[str], where: str) -> None:
    """Refuse settings that are not carried over.

    :param carried: those that are.
    :param settings: the names of those that are made.
    :param where: in which field of the connection.
    """
    for name in sorted(set(settings) - carried):
        raise NotCarriedOver(f"{where} of its connection has {name!r}")


def refuse_surroundings(store: Any, prefix: str, without_effect: set[str]) -> None:
    """Refuse an environment from which obstore would take settings that nobody gave it.

    :param store: obstore's class, which looks into the environment by itself.
    :param prefix: of the variables that it looks at.
    :param without_effect: those it does not follow, given what it is given.
    """
    from obstore.exceptions import BaseError, UnknownConfigurationKeyError

    for name in sorted(os.environ):
        if name.startswith(prefix) and name not in without_effect:
            try:
                store("any", config={name.lower(): os.environ[name]})
            except UnknownConfigurationKeyError:
                continue
            except BaseError:
                pass  # it knows the name, if not what to do with the value
            raise NotCarriedOver(f"the environment has {name}, which obstore would follow")
