"""What the stores of all clouds have in common: retries, and settings of obstore's HTTP client."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from airflow_provider_planet_reports.connections import ca_certificates
from airflow_provider_planet_reports.landing.destination import Place

#: Requests at most until one succeeds, within some ten seconds.
TRIES = 7


def opened(kind: Any, place: Place, retries: int = TRIES - 1, **others: Any) -> list[Any]:
    """Return obstore's stores of a bucket or container: one that does not retry, one that does.

    A failed request is repeated for some ten seconds by default, and not at all after a minute.

    :param kind: obstore's class.
    :param place: the bucket or container.
    :param retries: how often a request is repeated.
    :param others: its configuration, client options and credential provider.
    """
    store = partial(kind, place.container, prefix=place.path or None, **others)
    first, longest = dt.timedelta(milliseconds=500), dt.timedelta(seconds=15)
    backoff = {"init_backoff": first, "max_backoff": longest, "base": 3}
    retry = {"retry_timeout": dt.timedelta(seconds=60), "backoff": backoff}
    numbers = [0, retries - 1] if retries else [0]
    return [store(retry_config={"max_retries": number, **retry}) for number in numbers]


def client_options(endpoint: str | None, verify: bool | str | None = None, **others: Any) -> Any:
    """Return options for obstore's HTTP client.

    :param endpoint: where requests go, if not to the cloud itself.
    :param verify: whether to verify certificates, or the file or folder of those to trust.
    :param others: obstore's options; those that are empty have their defaults.
    :raises InvalidInput: if the certificates cannot be read.
    """
    options: dict[str, Any] = {
        "allow_http": (endpoint or "").startswith("http://"),
        "connect_timeout": "10s",
        "read_timeout": "2m",  # a part of 8 MiB has to be through by then
        "timeout": "1d",  # however long a large object takes to read
        **{name: value for name, value in others.items() if value},
    }
    if verify is False:
        return options | {"allow_invalid_certificates": True}
    certificates = ca_certificates(verify if isinstance(verify, str) else None)
    return options | {"root_certificate": certificates}
