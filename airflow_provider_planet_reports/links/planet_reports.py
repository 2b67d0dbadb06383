"""Links beside a landing task: to what it landed, and to the account at Planet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink

from airflow_provider_planet_reports.connections import connection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskInstanceKey

_ACCOUNT = "https://www.planet.com/account/"
#: The console in which a region's buckets show, by the beginning of the region's name.
_AWS_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}
_AWS_CONSOLE = "console.aws.amazon.com"
_GOOGLE_CONSOLE = "console.cloud.google.com"


class LandingPlaceLink(BaseOperatorLink):
    """The destination in the console of Amazon S3 or Google Cloud Storage.

    There is none for a folder, nor for a connection that names an endpoint of its own, since
    that is not Amazon's or Google's; nor for Azure, whose portal asks for the subscription.
    """

    name = "Landing place"
    xcom_key = "planet_reports_landing_place"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the link; empty where there is none.

        Airflow 3 asks the operator that ran, Airflow 2 its description in the web server.

        :param operator: the task's operator.
        :param ti_key: the task instance.
        """
        link = getattr(operator, "landing_place", None)
        if link is None:
            from airflow.providers.common.compat.sdk import XCom

            link = XCom.get_value(ti_key=ti_key, key=self.xcom_key)
        return link or ""

    @classmethod
    def leave(cls, context: Context, address: str, conn_id: str | None) -> str:
        """Leave the link for the UI, while the task runs already.

        :param context: Airflow's context.
        :param address: of the destination, without connection id.
        :param conn_id: connection for it.
        :return: the link; empty where there is none.
        """
        ti: Any = context.get("ti")
        extra = connection(conn_id, f"destination {address!r}").extra_dejson if conn_id else {}
        link = console_address(address, extra)
        if link and hasattr(ti, "xcom_push"):
            ti.xcom_push(key=cls.xcom_key, value=link)
        return link


class PlanetAccountLink(BaseOperatorLink):
    """The account at Planet, where organizations, plans and keys are."""

    name = "Planet account"
    xcom_key = "planet_reports_account"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's
        """Return the address, which is the same for everybody.

        :param operator: the task's operator.
        :param ti_key: the task instance.
        """
        return _ACCOUNT


def console_address(address: str, extra: dict[str, Any]) -> str:
    """Return where a destination shows in its store's console; empty where it shows in none.

    :param address: of the destination, without connection id.
    :param extra: of the connection for it.
    """
    parts = urlsplit(address.replace("#", "%23").replace("?", "%3F"))
    prefix = parts.path.replace("%23", "#").replace("%3F", "?").strip("/")
    bucket = quote(parts.netloc)
    if "endpoint" in str(extra):
        return ""
    if parts.scheme in ("s3", "s3a"):
        region = str(extra.get("region_name") or "")
        console = next(
            (host for start, host in _AWS_CONSOLES.items() if region.startswith(start)),
            _AWS_CONSOLE,
        )
        below = f"?prefix={quote(prefix)}/" if prefix else ""
        return f"https://{console}/s3/buckets/{bucket}{below}"
    if parts.scheme in ("gs", "gcs"):
        return f"https://{_GOOGLE_CONSOLE}/storage/browser/{bucket}/{quote(prefix)}".rstrip("/")
    return ""
