"""Sensor that waits for Planet's usage reports."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    PokeReturnValue,
    conf,
)

from airflow_provider_planet_reports.airflow_side.parameters import (
    PlanetReportsBaseSensor,
    check_seconds,
    is_template,
    rendered_filters,
)
from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskError,
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.airflow_side.waiting import Wait
from airflow_provider_planet_reports.connections import ConnectionNotFound
from airflow_provider_planet_reports.triggers.planet_reports import PlanetReportsTrigger

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class PlanetReportsSensor(PlanetReportsBaseSensor):
    """Wait until enough reports match, or until enough are there that are not landed yet.

    Planet promises no hour for a day's reports. Returns, in poke, reschedule and deferrable mode
    alike, the API's own report objects, to be landed by
    :class:`~airflow_provider_planet_reports.transfers.planet_reports_to_object_storage.\
PlanetReportsToObjectStorageOperator` (``reports=sensor.output``). With a ``destination``, reports
    that are landed there are left out.

    Transient errors are logged and retried until ``timeout``: 429, 5xx, broken connections, a
    destination that cannot be read, and, once the wait has begun, an Airflow connection that cannot
    be found. A refusal (400, 401, 403, 404) fails the task at once, with ``soft_fail=True`` too:
    only a timeout skips.

    The other parameters (filters, connections, ``destination``) are those of
    :class:`~airflow_provider_planet_reports.airflow_side.parameters.PlanetReportsBaseOperator`.

    :param min_reports: how many reports are enough, by default 1.
    :param plan_ids: plans each of which has to have a daily report, of each type asked for, for
        every day from ``start`` to ``end``; reports that are landed count, too. A list, or text
        with commas between them. In the place of ``min_reports``. (templated)
    :param deferrable: whether to wait in the triggerer, by default as Airflow's setting
        ``[operators] default_deferrable`` says. ``timeout`` and ``execution_timeout`` both hold
        there.
    :param poke_interval: seconds between two polls, by default 60; more than 0.
    :raises PlanetReportsTaskFailure: for bad input and refusals; Airflow does not retry.
    :raises AirflowSensorTimeout: when ``timeout`` (seconds, by default as Airflow's setting
        ``[sensors] default_timeout`` says) is over.
    """

    template_fields: Sequence[str] = (*PlanetReportsBaseSensor.template_fields, "plan_ids")
    ui_color = "#d7eef5"
    #: When the first look was, in this try.
    _since: dt.datetime | None = None
    #: Whether the connections were found once, so that later they are only away for a while.
    _begun = False

    def __init__(
        self,
        *,
        min_reports: int = 1,
        plan_ids: Iterable[str | int] | str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.min_reports = min_reports
        self.plan_ids = plan_ids
        self.deferrable = deferrable
        with task_errors():
            check_seconds("poke_interval", self.poke_interval)
            Wait("", {}, min_reports=min_reports)
            # Filters that are templates may be anything when the task runs.
            if not any(is_template(getattr(self, name)) for name in self.template_fields):
                self._wait()

    def execute(self, context: Context) -> Any:
        """Wait.

        :param context: Airflow's context.
        :return: the API's own objects.
        """
        first_reschedule = getattr(context.get("ti"), "get_first_reschedule_date", None)
        self._begun = bool(self.reschedule and first_reschedule and first_reschedule(context))
        with self._explained():
            return super().execute(context)

    def poke(self, context: Context) -> PokeReturnValue:  # noqa: ARG002 - Airflow's signature
        """Look once; if the sensor is deferrable, leave further looks to the triggerer.

        :param context: Airflow's context.
        :return: whether enough reports are there, and those reports.
        """
        since = self._since = self._since or dt.datetime.now(dt.timezone.utc)
        with task_errors():
            wait = self._wait()
        try:
            found = wait.look()
        except PlanetReportsTaskError as error:
            # An id that is wrong is not found either: before the wait begins, it fails the try.
            if isinstance(error.__context__, ConnectionNotFound) and not self._begun:
                raise
            self.log.warning("Still waiting for %s: %s", wait, error)
        else:
            self.log.info("Waiting for %s: %s.", wait, found.description)
            if found.enough:
                return PokeReturnValue(True, [report.to_dict() for report in found.reports])
        self._begun = True
        if self.deferrable:
            self._leave_to_trigger(wait, since)
        return PokeReturnValue(False)

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Continue after the trigger's event: list the reports, or raise what it met.

        :param context: Airflow's context.
        :param event: the trigger's event.
        :return: the API's own objects.
        :raises PlanetReportsTaskFailure: for a refusal, as without the triggerer.
        """
        if event["status"] != "success":
            raise PlanetReportsTaskFailure(event["message"])
        self._since = dt.datetime.fromisoformat(event["waiting_since"])
        self._begun = self.deferrable = True
        return self.poke(context).xcom_value or []

    def resume_execution(self, next_method: str, next_kwargs: Any, context: Context) -> Any:
        """Continue after the triggerer; Airflow calls this."""
        with self._explained():
            # Airflow 2 has no exception of its own for the end of a deferral's time.
            if (next_kwargs or {}).get("error") == "Trigger timeout":
                raise AirflowSensorTimeout
            return super().resume_execution(next_method, next_kwargs, context)

    def _wait(self) -> Wait:
        return Wait(
            self.planet_reports_conn_id, rendered_filters(self), self.destination,
            self.destination_conn_id, self.min_reports, self.plan_ids,
        )  # fmt: skip

    def _leave_to_trigger(self, wait: Wait, since: dt.datetime) -> None:
        self.defer(
            trigger=PlanetReportsTrigger(
                **wait.to_kwargs(),
                poke_interval=self.poke_interval,
                waiting_since=since.isoformat(),
            ),
            method_name="execute_complete",
            timeout=since + self._longest - dt.datetime.now(dt.timezone.utc),
        )

    @property
    def _longest(self) -> dt.timedelta:
        """How long a wait may take: Airflow 3 does not apply ``execution_timeout`` to deferrals."""
        timeout = dt.timedelta(seconds=self.timeout)
        return min(timeout, self.execution_timeout or timeout)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Have a timeout say what was waited for, and let ``soft_fail`` skip timeouts only."""
        try:
            yield
        except AirflowSensorTimeout:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(self._timed_out()) from None
            if self.deferrable and self._longest < dt.timedelta(seconds=self.timeout):
                # Airflow makes another try after execution_timeout, none after timeout.
                raise AirflowTaskTimeout(self._timed_out()) from None
            raise AirflowSensorTimeout(self._timed_out()) from None
        except AirflowSkipException as skip:
            if not self.soft_fail:
                raise
            if (cause := skip.__cause__) and not isinstance(cause, AirflowTaskTimeout):
                raise cause from None
            raise AirflowSkipException(self._timed_out()) from None

    def _timed_out(self) -> str:
        return f"Not there after {self._longest}: {self._wait()}. Raise timeout, or ask Planet."
