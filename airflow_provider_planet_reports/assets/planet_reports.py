"""Assets that stand for usage reports: ``planet-reports://<org>/<plan>/<type>/<cadence>``.

Airflow has every address of this scheme checked here, whatever DAG it is written in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_planet_reports.client.filters import Filters
from airflow_provider_planet_reports.errors import InvalidInput

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.common.compat.sdk import Asset

SCHEME = "planet-reports"
#: Stands in an address for what is not narrowed down.
ANY = "any"
_PARTS = ("org_id", "plan_id", "report_type", "cadence")
_SHAPE = f"{SCHEME}://<organization>/<plan>/<report type>/<cadence>"


def report_asset(
    *,
    org_id: str | int | None = None,
    plan_id: str | int | None = None,
    report_type: str | None = None,
    cadence: str | None = None,
    **asset: Any,
) -> Asset:
    """Return the asset that stands for the reports that match; what is left out is ``any``.

    Two assets are the same when, and only when, they are made of the same values: one for all
    daily reports is another one than that for the daily reports of a plan.

    :param org_id: organization.
    :param plan_id: plan.
    :param report_type: ``detailed`` or ``summary``.
    :param cadence: ``daily`` or ``monthly``.
    :param asset: what else ``Asset`` takes (``Dataset`` on Airflow 2), for example ``name``,
        ``extra`` or ``watchers``.
    :raises InvalidInput: naming the parameter, the value and what is allowed.
    """
    from airflow.providers.common.compat.sdk import Asset

    given = Filters(
        org_id=org_id, plan_id=plan_id, report_type=report_type, cadence=cadence
    ).parameters
    address = "/".join(given.get(name, ANY) for name in _PARTS)
    return Asset(uri=f"{SCHEME}://{address}", **asset)


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Return an address as it is, once it is known to be right.

    :param uri: of an asset, taken apart by Airflow.
    :raises InvalidInput: which is a ``ValueError``, as Airflow expects.
    """
    _parts(uri)
    return uri


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:  # noqa: ARG001
    """Return the asset as OpenLineage's dataset: the organization, and in it the rest.

    :param asset: of this scheme.
    :param lineage_context: the operator or hook that names it.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset

    org_id, *rest = _parts(urlsplit(asset.uri))
    return Dataset(namespace=f"{SCHEME}://{org_id}", name="/".join(rest))


def _parts(uri: SplitResult) -> list[str]:
    """Return organization, plan, report type and cadence of an address, each checked."""
    address = uri.geturl()
    parts = [uri.netloc, *uri.path.removeprefix("/").split("/")]
    if len(parts) != len(_PARTS) or uri.query or uri.fragment or not all(parts):
        raise InvalidInput(
            f"The asset {address!r} must have the shape {_SHAPE}, with {ANY!r} for whatever is "
            "not narrowed down; report_asset() writes it."
        )
    given = {name: part for name, part in zip(_PARTS, parts, strict=True) if part != ANY}
    try:
        Filters(**given)  # type: ignore[arg-type]
    except InvalidInput as error:
        raise InvalidInput(
            f"The asset {address!r} must have the shape {_SHAPE}: {error} {ANY!r} stands for all."
        ) from None
    return parts
