"""What the connections of all clouds have in common: settings of obstore's HTTP client."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.errors import InvalidInput

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig


def retries(most: int | None = None) -> RetryConfig:
    """Return how often, and how patiently, a failed request is repeated.

    By default that takes some ten seconds in all, and begins no new try after a minute.

    :param most: how often at most.
    """
    return {
        "max_retries": 5 if most is None else most,
        "retry_timeout": dt.timedelta(seconds=60),
        "backoff": {
            "init_backoff": dt.timedelta(milliseconds=500),
            "max_backoff": dt.timedelta(seconds=15),
            "base": 3,
        },
    }


def client_options(
    endpoint: str | None,
    *,
    verify: bool | str | None = None,
    proxy: str | None = None,
    connect_timeout: float | None = None,
    read_timeout: float | None = None,
    headers: dict[str, str] | None = None,
) -> ClientConfig:
    """Return options for obstore's HTTP client.

    :param endpoint: where requests go, if not to the cloud itself.
    :param verify: whether to verify certificates, or a file or folder of those to trust.
    :param proxy: its address; by default the environment's, with ``NO_PROXY``.
    :param connect_timeout: seconds until there has to be a connection; 10 by default.
    :param read_timeout: seconds without an answer; 120 by default: by then a part of 8 MiB has
        to be through.
    :param headers: headers of every request.
    :raises InvalidInput: if the certificates cannot be read.
    """
    options: ClientConfig = {
        "allow_http": bool(endpoint and endpoint.startswith("http://")),
        "connect_timeout": dt.timedelta(seconds=connect_timeout or 10),
        "read_timeout": dt.timedelta(seconds=read_timeout or 120),
        "timeout": dt.timedelta(days=1),  # however long a large object takes to read
        "default_headers": headers or {},
    }
    if proxy:
        options["proxy_url"] = proxy
    if verify is False:
        options["allow_invalid_certificates"] = True
    else:
        options["root_certificate"] = _certificates(verify if isinstance(verify, str) else None)
    return options


def _certificates(path: str | None) -> bytes:
    from certifi import where

    bundle = path or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    found = Path(bundle or where())
    files = sorted(found.glob("*.pem")) if found.is_dir() else [found]
    try:
        return b"\n".join(file.read_bytes() for file in files)
    except OSError as error:
        hint = "write true or false without quotes, or " if bundle in ("true", "false") else ""
        raise InvalidInput(
            f"CA file {bundle!r} cannot be read: {hint}name a file in verify or "
            f"REQUESTS_CA_BUNDLE that exists. ({error.strerror})"
        ) from None


def refuse_unknown(given: Iterable[str], known: Iterable[str], where: str, advice: Any) -> None:
    """Refuse settings that cannot be followed.

    :param given: the names that a connection has.
    :param known: the names that count, or make no difference here.
    :param where: their place in the connection.
    :param advice: by name, what to do instead.
    :raises InvalidInput: for the first that is not known.
    """
    for name in sorted(set(given) - set(known)):
        instead = advice.get(name, f"remove it; known are {', '.join(sorted(known))}")
        raise InvalidInput(f"{name!r} in {where} is not supported: {instead}.")
