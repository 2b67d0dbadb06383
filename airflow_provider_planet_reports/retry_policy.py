"""When Airflow tries a task again: at the time that the server named (Airflow 3.3 and later)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from airflow_provider_planet_reports.airflow_side.task_errors import retry_after
from airflow_provider_planet_reports.errors import PlanetReportsError

try:
    from airflow.sdk import RetryDecision, RetryPolicy
except ImportError:
    raise ImportError(
        "PlanetReportsRetryPolicy needs Airflow 3.3 or later: this Airflow has no retry policies. "
        "Leave out retry_policy; retries and retry_delay say when to try again."
    ) from None

if TYPE_CHECKING:
    from airflow.sdk import Context

_LONGEST_DELAY = dt.timedelta(days=1)


class PlanetReportsRetryPolicy(RetryPolicy):
    """Try again when the server said, and not at all where that can't help.

    * A rate limit with a ``Retry-After``: the next try begins when that is over.
    * Bad input and refusals (400, 401, 403, 404): no further try.
    * Everything else, errors of others included: as the task's own ``retry_delay`` says.

    A policy spends the task's ``retries``, and gives none: without ``retries`` it does nothing.

    :param longest_delay: the longest wait before the next try, by default a day; a server that
        asks for more is asked again after this.
    """

    def __init__(self, longest_delay: dt.timedelta = _LONGEST_DELAY) -> None:
        self.longest_delay = longest_delay

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Decide about the next try.

        :param exception: what ended this one.
        :param try_number: its number.
        :param max_tries: how many there may be.
        :param context: Airflow's context.
        :return: when to try again, or that there is no further try.
        """
        if not isinstance(exception, PlanetReportsError):
            return RetryDecision.default()
        if exception.final:
            return RetryDecision.fail("Another try can't help.")
        asked = retry_after(exception)
        if asked is None:
            return RetryDecision.default()
        delay = min(dt.timedelta(seconds=asked), self.longest_delay)
        return RetryDecision.retry(delay, f"The server asked to wait {asked:.0f} s.")

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON-safe object."""
        return {"longest_delay": self.longest_delay.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> PlanetReportsRetryPolicy:
        """Return the policy that :meth:`serialize` described.

        :param data: what that returned.
        """
        return cls(dt.timedelta(seconds=data["longest_delay"]))
