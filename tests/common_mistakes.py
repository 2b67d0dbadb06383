"""The commonest mistakes, and the advice that has to be seen without scrolling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from airflow_provider_planet_reports.sandbox.server import MEMBER_KEY

#: What a page 1,400 pixels wide shows of a message.
SHOWN = 72


@dataclass(frozen=True)
class Mistake:
    """A mistake in a connection or in a task's parameters.

    :param advice: what the task has to say.
    :param connection: fields of the Planet connection; ``{base}`` stands for the sandbox's URL.
    :param parameters: the task's.
    """

    advice: str
    connection: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)

    def connection_to(self, base_url: str, key: str) -> dict[str, Any]:
        """Return all fields of the Planet connection.

        :param base_url: the API's.
        :param key: the right one.
        """
        fields = {"login": key, "host": "{base}", **self.connection}
        fields["host"] = fields["host"].replace("{base}", base_url)
        return {"conn_type": "planet_reports", "extra": {"max_retries": 0}, **fields}


MISTAKES = {
    "wrong_key": Mistake("check the connection's password", {"login": "wrong-key"}),
    "members_key": Mistake("an organization administrator's key", {"login": MEMBER_KEY}),
    "two_fields": Mistake("set only one of login and password", {"password": "other"}),
    "no_key": Mistake("put the API key into the password", {"login": ""}),
    "aws_connection": Mistake(
        "name one of type 'planet_reports'",
        {"conn_type": "aws", "login": "AKIAEXAMPLE", "password": "secret", "host": ""},
    ),
    "http": Mistake("use https://", {"host": "http://api.example/reports/v1"}),
    "wrong_host": Mistake("check the connection's host", {"host": "{base}/elsewhere"}),
    "wrong_bucket": Mistake("bucket", {}, {"destination": "s3://moto@no-such-bucket/x"}),
    "missing_extra": Mistake("[s3]", {}, {"destination": "s3://moto@bucket/x"}),
    "unknown_connection": Mistake(
        "not found: create it", {}, {"planet_reports_conn_id": "nowhere"}
    ),
    "no_connection_of_the_destination": Mistake(
        "not found: create it", {}, {"destination": "s3://nowhere@b/x"}
    ),
    "wrong_organization": Mistake("and org_id", {}, {"org_id": 999}),
    "start_after_end": Mistake(
        "start must not be after end", {}, {"start": "{{ '2026-02-02' }}", "end": "2026-01-01"}
    ),
    "time_in_start": Mistake(
        "must be a date or text like", {}, {"start": "{{ '2026-02-02T00:00' }}"}
    ),
    "none_from_a_template": Mistake(
        "check the XCom, param or variable", {}, {"start": "{{ none }}"}
    ),
    "ds_in_a_run_without_a_date": Mistake(
        "use {{ (logical_date | default(dag_run.run_after", {}, {"start": "{{ ds }}"}
    ),
}
