"""A warning for destinations that only one worker can read."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

_ON_ONE_MACHINE = ("LocalExecutor", "SequentialExecutor")


def warn_of_own_disk(place: str) -> None:
    """Warn where files go into ``AIRFLOW_HOME``, which each worker has for itself.

    :param place: the destination's address.
    """
    from airflow.providers.common.compat.sdk import conf

    home = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser().as_uri()
    if place.startswith(f"{home}/") and conf.get("core", "executor") not in _ON_ONE_MACHINE:
        log.warning(
            "Other workers cannot read what is landed on this one's own disk: set a bucket, or a "
            "folder that all workers share, as destination. %s", place,
        )  # fmt: skip
