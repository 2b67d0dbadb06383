"""Errors as Airflow tasks raise them: whether a retry can help decides the class."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_planet_reports.errors import PlanetReportsError


class PlanetReportsTaskError(PlanetReportsError, AirflowException):
    """A task failed; Airflow's retries may help.

    :param message: what happened and what to do.
    :param retry_after: seconds that the server asked to wait, where it did.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PlanetReportsTaskFailure(PlanetReportsError, AirflowFailException):
    """A task failed and would fail again: Airflow does not retry it."""

    final = True


@contextmanager
def task_errors() -> Iterator[None]:
    """Convert errors of this package to those that Airflow understands, with one traceback.

    The message says all there is to know; frames of the client would push it out of sight in
    Airflow's log.

    :raises PlanetReportsTaskFailure: for bad input, refusals (400, 401, 403, 404) and other errors
        that a retry cannot help with.
    :raises PlanetReportsTaskError: for all other errors.
    """
    try:
        yield
    except (PlanetReportsTaskError, PlanetReportsTaskFailure):
        raise
    except PlanetReportsError as error:
        raise as_task_error(error) from None


def as_task_error(error: PlanetReportsError) -> PlanetReportsTaskError | PlanetReportsTaskFailure:
    """Return the error to raise in a task for an error of the client or the landing zone.

    :param error: what was met.
    """
    if error.final:
        return PlanetReportsTaskFailure(str(error))
    return PlanetReportsTaskError(str(error), retry_after(error))


def retry_after(*errors: BaseException) -> float | None:
    """Return the seconds after which a server is ready for all that it turned away.

    :param errors: what was met.
    :return: the longest wish; None where there was none.
    """
    wishes = [getattr(error, "retry_after", None) for error in errors]
    return max((wish for wish in wishes if wish is not None), default=None)
