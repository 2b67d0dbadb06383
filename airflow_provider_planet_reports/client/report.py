"""One report, as the Reports API describes it."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from airflow_provider_planet_reports.client.errors import InvalidResponse
from airflow_provider_planet_reports.client.transport.addresses import is_presigned
from airflow_provider_planet_reports.client.transport.redaction import without_secrets

#: Characters of an id in a message.
_LONGEST_SHOWN = 100
#: Shared: making an encoder takes as long as encoding a report.
_STRICT = json.JSONEncoder(allow_nan=False)


@dataclass(frozen=True)
class Report:
    """A usage report: what it covers and where its parts are.

    Fields are those of the public reference ("Reports API 1.0.0"), with the values the server
    sent; :meth:`to_dict` gives back the whole object, fields unknown here included.

    :param report_id: the report's id.
    :param contents: links to the report's parts; may be signed, hence secret.
    :param org_id: the organization's id.
    :param plan_id: the plan's id.
    :param data_date_start: first day covered, ``YYYY-MM-DD``.
    :param data_date_end: last day covered, ``YYYY-MM-DD``.
    :param report_type: ``detailed`` or ``summary``.
    :param cadence: ``daily`` or ``monthly``.
    :param num_rows: number of rows, as the server counts them; ``"77"`` and ``77.0`` count, too.
    :param has_footprint: whether the parts contain geometry footprints.
    """

    report_id: str
    contents: tuple[str, ...] = field(default=(), repr=False)
    org_id: int | str | None = None
    plan_id: int | str | None = None
    data_date_start: str | None = None
    data_date_end: str | None = None
    report_type: str | None = None
    cadence: str | None = None
    num_rows: int | None = None
    has_footprint: bool | None = None
    _source: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_dict(cls, source: Mapping[str, Any]) -> Report:
        """Build a report from the API's own object.

        :param source: one entry of a listing's ``reports``, or what :meth:`to_dict` returned.
        :return: the report.
        :raises InvalidResponse: if it has no usable id, content links that are not text, or a
            value that JSON does not have (NaN).
        """
        if not isinstance(source, Mapping):
            raise InvalidResponse(f"A report must be a JSON object, not {type(source).__name__}.")
        report_id = source.get("report_id")
        if isinstance(report_id, int) and not isinstance(report_id, bool):
            report_id = str(report_id)
        if not isinstance(report_id, str) or not report_id:
            names = sorted(map(str, source))
            shown, others = (reprlib.repr(without_secrets(each)) for each in (report_id, names))
            raise InvalidResponse(f"A report has no usable report_id ({shown}); it has {others}.")
        name = f"Report {report_id[:_LONGEST_SHOWN]!r}"
        try:
            _STRICT.encode(source)
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidResponse(f"{name} cannot be kept as JSON ({error}).") from None
        contents = source.get("contents") or []
        if not isinstance(contents, list) or not all(isinstance(link, str) for link in contents):
            raise InvalidResponse(f"{name}: contents must be a list of links.")
        values: dict[str, Any] = {name: source.get(name) for name in _FIELDS}
        values.update(report_id=report_id, contents=tuple(contents), _source=source)
        values["num_rows"] = _row_count(source.get("num_rows"))
        return cls(**values)

    def __hash__(self) -> int:
        """Hash the id alone: the other fields are what the server sent, lists perhaps."""
        return hash(self.report_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the API's own object, unknown fields included; JSON-safe."""
        known = {name: getattr(self, name) for name in _FIELDS}
        copied: dict[str, Any] = json.loads(json.dumps(self._source or known))
        return copied

    def redacted_dict(self) -> dict[str, Any]:
        """Return the API's own object as it may be shown: its links carry no secrets.

        :raises InvalidResponse: if it is nested too deeply, hundreds of levels.
        """
        try:
            shown: dict[str, Any] = without_secrets(self.to_dict())
        except RecursionError:
            name = self.report_id[:_LONGEST_SHOWN]
            raise InvalidResponse(f"Report {name!r} is nested too deeply to be kept.") from None
        return shown

    def without_secrets(self, base_url: str) -> Report:
        """Return the report as it may be kept: without content links that are secrets.

        If one opens its file without the API key, all are left out; the API gives fresh ones
        for the id.

        :param base_url: address of the API.
        """
        source = self.redacted_dict()
        if any(is_presigned(link, base_url) for link in self.contents):
            source["contents"] = []
        return Report.from_dict(source)

    @property
    def self_link(self) -> str | None:
        """The report's own address, in either spelling of the documentation, where given."""
        links = self._source.get("_links")
        if not isinstance(links, Mapping):
            return None
        link = links.get("self") or links.get("_self")
        return link if isinstance(link, str) else None

    def same_content(self, other: Report) -> bool:
        """Whether both describe the same, with as many parts; the links may differ."""
        mine, theirs = (replace(each, contents=()) for each in (self, other))
        return mine == theirs and len(self.contents) == len(other.contents)


_FIELDS = tuple(each.name for each in fields(Report) if each.name != "_source")


def _row_count(value: object) -> int | None:
    """Return a number of rows, which may be written as text or as a float; else None."""
    number = re.fullmatch(r"([0-9]{1,18})(\.0+)?", str(value))
    return None if number is None else int(number[1])
