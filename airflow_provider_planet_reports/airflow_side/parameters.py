"""The parameters that operators and sensors share: defined, kept and checked once.

Airflow's ``partial()`` and ``default_args`` see only parameters of an ``__init__`` that Airflow's
own metaclass wrapped. So there are two bases with one signature, in the place of a mixin.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypedDict

from airflow.providers.common.compat.sdk import BaseOperator, BaseSensorOperator
from jinja2 import UndefinedError

from airflow_provider_planet_reports.airflow_side.task_errors import (
    PlanetReportsTaskFailure,
    task_errors,
)
from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.errors import InvalidInput
from airflow_provider_planet_reports.landing.destination import place_of

if TYPE_CHECKING:
    import datetime as dt

    from airflow.providers.common.compat.sdk import Context, ObjectStoragePath

_FIELDS = (*Filters.names(), "planet_reports_conn_id", "destination", "destination_conn_id")
_TEMPLATE_MARKS = ("{{", "{%", "{#")
#: What Airflow 3 leaves out of the context of a run without a logical date.
_DATES = re.compile(r"'(logical_date|data_interval_(start|end)|[dt]s(_nodash\w*)?)' is undefined")


class FilterParameters(TypedDict, total=False):
    """The filters as keyword arguments, for signatures that Airflow does not inspect."""

    org_id: str | int | None
    plan_id: str | int | None
    report_type: str | None
    cadence: str | None
    start: str | dt.date | None
    end: str | dt.date | None
    page_size: int | str | None
    query: Mapping[str, Any] | None
    path: str | None


class Templated:
    """Tells what to write in the place of a date that the run does not have."""

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render the templates; Airflow calls this.

        :param context: Airflow's context.
        :param jinja_env: Jinja's environment.
        :raises PlanetReportsTaskFailure: for a date that this kind of run does not have.
        """
        try:
            super().render_template_fields(context, jinja_env)  # type: ignore[misc]
        except UndefinedError as error:
            if not _DATES.search(str(error)):
                raise
            message = (
                f"{error}: use {{{{ (logical_date | default(dag_run.run_after, true)) | ds }}}}. "
                "A run without a logical date has no date of its own."
            )
            raise PlanetReportsTaskFailure(message) from None


class PlanetReportsBaseOperator(Templated, BaseOperator):
    """Base of the operators that take filters.

    :param org_id: organization; by default the connection's, else the API key's own. (templated)
    :param plan_id: only reports of this plan. (templated)
    :param report_type: ``detailed`` or ``summary``; by default both. (templated)
    :param cadence: ``daily`` or ``monthly``; by default both. (templated)
    :param start: first day, inclusive: a date or ``YYYY-MM-DD``. (templated)
    :param end: last day, inclusive: a date or ``YYYY-MM-DD``. (templated)
    :param page_size: reports per page; by default as many as the server allows. (templated)
    :param query: further query parameters by name. (templated)
    :param path: another listing of the same shape, relative to the base URL. (templated)
    :param planet_reports_conn_id: connection of type ``planet_reports``, by default
        ``planet_reports_default``. (templated)
    :param destination: landing zone, as ``ObjectStoragePath`` or URL
        (``s3://conn_id@bucket/prefix``, ``gs://``, ``abfs://``, ``file://``). (templated)
    :param destination_conn_id: connection for the destination, where its URL names none.
        (templated)
    :raises PlanetReportsTaskFailure: if a parameter that is no template cannot be right.
    """

    template_fields: Sequence[str] = _FIELDS
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "json"}

    def __init__(
        self,
        *,
        org_id: str | int | None = None,
        plan_id: str | int | None = None,
        report_type: str | None = None,
        cadence: str | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
        page_size: int | str | None = None,
        query: Mapping[str, Any] | None = None,
        path: str | None = None,
        planet_reports_conn_id: str = "planet_reports_default",
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.planet_reports_conn_id = planet_reports_conn_id
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        _keep(
            self, org_id=org_id, plan_id=plan_id, report_type=report_type, cadence=cadence,
            start=start, end=end, page_size=page_size, query=query, path=path,
        )  # fmt: skip


class PlanetReportsBaseSensor(Templated, BaseSensorOperator):
    """Base of the sensors that take filters; see :class:`PlanetReportsBaseOperator`."""

    template_fields: Sequence[str] = _FIELDS
    template_fields_renderers: ClassVar[dict[str, str]] = {"query": "json"}

    def __init__(
        self,
        *,
        org_id: str | int | None = None,
        plan_id: str | int | None = None,
        report_type: str | None = None,
        cadence: str | None = None,
        start: str | dt.date | None = None,
        end: str | dt.date | None = None,
        page_size: int | str | None = None,
        query: Mapping[str, Any] | None = None,
        path: str | None = None,
        planet_reports_conn_id: str = "planet_reports_default",
        destination: str | ObjectStoragePath | None = None,
        destination_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.planet_reports_conn_id = planet_reports_conn_id
        self.destination = destination
        self.destination_conn_id = destination_conn_id
        _keep(
            self, org_id=org_id, plan_id=plan_id, report_type=report_type, cadence=cadence,
            start=start, end=end, page_size=page_size, query=query, path=path,
        )  # fmt: skip


def _keep(owner: Any, **filters: Any) -> None:
    """Keep filters as attributes, where Airflow renders them; check what is no template."""
    for name, value in filters.items():
        setattr(owner, name, value)
    with task_errors():
        known = literals(owner, Filters.names())
        if "path" not in known:  # another listing may have other types and cadences
            known = {name: known[name] for name in known.keys() - {"report_type", "cadence"}}
        Filters(**known)
        destination = owner.destination
        if isinstance(destination, str) and destination and not is_template(destination):
            place_of(destination)


def rendered_filters(owner: Any) -> dict[str, Any]:
    """Return an operator's or sensor's filters, checked and JSON-safe.

    Call it first: it also tells of any other parameter whose template rendered to nothing.

    :param owner: the operator or sensor, its templates rendered.
    :raises InvalidInput: naming the parameter, the value and what is allowed.
    """
    refuse_none(owner)
    return Filters(**{name: getattr(owner, name) for name in Filters.names()}).to_kwargs()


def refuse_none(owner: Any) -> None:
    """Refuse a parameter whose template rendered to nothing.

    :param owner: the operator or sensor, its templates rendered.
    :raises InvalidInput: naming the parameter.
    """
    for name in owner.template_fields:
        value = getattr(owner, name)
        if isinstance(value, str) and value.strip() == "None":
            raise InvalidInput(
                f"{name}='None': check the XCom, param or variable that its template reads. It "
                "rendered to None; `| default('', true)` leaves the parameter out instead."
            )


def literals(owner: object, names: Iterable[str]) -> dict[str, Any]:
    """Return those parameters that are known when the DAG is parsed.

    :param owner: the operator or sensor that keeps them as attributes.
    :param names: their names.
    """
    given = {name: getattr(owner, name) for name in names}
    return {name: value for name, value in given.items() if not is_template(value)}


def is_template(value: Any) -> bool:
    """Whether Airflow makes another value of this when the task runs."""
    return _any_in(value, _is_jinja) or refers_to_tasks(value)


def refers_to_tasks(value: Any) -> bool:
    """Whether this is, or contains, the output of another task."""
    return _any_in(value, _is_output)


def _any_in(value: Any, holds: Callable[[Any], bool]) -> bool:
    if isinstance(value, Mapping):
        return any(_any_in(each, holds) for each in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(_any_in(each, holds) for each in value)
    return holds(value)


def _is_jinja(value: Any) -> bool:
    return isinstance(value, str) and any(mark in value for mark in _TEMPLATE_MARKS)


def _is_output(value: Any) -> bool:
    return hasattr(value, "resolve") and not isinstance(value, os.PathLike)  # paths have it, too


def check_seconds(name: str, value: object) -> None:
    """Refuse an interval that is no time at all.

    :param name: the parameter.
    :param value: seconds.
    :raises InvalidInput: naming the parameter and the value.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidInput(
            f"{name}={value!r} is not allowed: it must be a number of seconds greater than 0."
        )
