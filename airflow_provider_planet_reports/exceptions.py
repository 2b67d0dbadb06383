"""Errors as Airflow tasks raise them: whether a retry can help decides the class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_planet_reports.client.errors import PlanetReportsError


class PlanetReportsTaskError(PlanetReportsError, AirflowException):
    """A task failed; Airflow's retries may help."""


class PlanetReportsTaskFailure(PlanetReportsError, AirflowFailException):
    """A task failed and would fail again: Airflow does not retry it."""


@contextmanager
def task_errors() -> Iterator[None]:
    """Turn this package's errors into those that Airflow understands.

    :raises PlanetReportsTaskFailure: for bad input, a refusal (400, 401, 403, 404) and whatever
        else another try cannot mend.
    :raises PlanetReportsTaskError: for everything else.
    """
    try:
        yield
    except (PlanetReportsTaskError, PlanetReportsTaskFailure):
        raise
    except PlanetReportsError as error:
        raise as_task_error(error) from error


def as_task_error(error: PlanetReportsError) -> PlanetReportsTaskError | PlanetReportsTaskFailure:
    """Return the error to raise in a task for an error of the client or the landing zone."""
    kind = PlanetReportsTaskFailure if error.final else PlanetReportsTaskError
    return kind(str(error))
