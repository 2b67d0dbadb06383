"""What a landing task tells OpenLineage: which reports became which files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import (
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )
    from airflow.providers.openlineage.extractors import OperatorLineage

#: With more files than this, the listing became the destination: an event is to be readable.
_MOST_DATASETS = 100
_NAMESPACE_SCHEMES = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs"}


@dataclass(frozen=True)
class LandingLineage:
    """What was landed, until OpenLineage asks.

    :param api: base URL of the Reports API.
    :param destination: address of the landing zone, without connection id.
    :param landed: what is new, as the task returns it.
    :param account: the storage account, where the destination is Azure's.
    """

    api: str
    destination: str
    landed: Sequence[Mapping[str, Any]]
    account: str | None = None

    def facets(self) -> OperatorLineage[Any, Any] | None:
        """Return inputs and outputs; None for nothing new, or where OpenLineage is not installed.

        Of nothing, OpenLineage falls back to the task's declared inlets and outlets.
        """
        try:
            from airflow.providers.common.compat.openlineage.facet import InputDataset
            from airflow.providers.openlineage.extractors import OperatorLineage
        except ImportError:
            return None
        files = [file for report in self.landed for file in report["files"]]
        if not files:
            return None
        if len(files) > _MOST_DATASETS:
            reports, outputs = [""], [self._output(self.destination, files)]
        else:
            reports = [report["report_id"] for report in self.landed]
            outputs = [self._output(file["uri"], [file]) for file in files]
        api = urlsplit(self.api)
        return OperatorLineage(
            inputs=[
                InputDataset(
                    namespace=f"{api.scheme}://{api.netloc}",
                    name=f"{api.path.rstrip('/')}/{quote(report, safe='')}",
                )
                for report in reports
            ],
            outputs=outputs,
        )

    def _output(self, address: str, files: Sequence[Mapping[str, Any]]) -> OutputDataset:
        from airflow.providers.common.compat.openlineage.facet import OutputDataset

        namespace, name = dataset_name(address, self.account)
        return OutputDataset(
            namespace=namespace, name=name, outputFacets={"outputStatistics": _statistics(files)}
        )


def storage_account(destination: str, conn_id: str | None) -> str | None:
    """Return the storage account that a destination is in, None where it is not Azure's.

    :param destination: its address, without connection id.
    :param conn_id: connection for it.
    """
    if not destination.startswith("abfs"):
        return None
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    fs: Any = ObjectStoragePath(destination, conn_id=conn_id).fs
    client = getattr(fs, "service_client", None)
    return getattr(fs, "account_name", None) or getattr(client, "account_name", None)


def dataset_name(address: str, account: str | None = None) -> tuple[str, str]:
    """Return OpenLineage's namespace and name for a place in a store.

    :param address: for example of a file, without connection id.
    :param account: the storage account, where it is Azure's.
    """
    scheme, _, place = address.partition("://")
    container, _, key = place.partition("/")
    key = key.rstrip("/")
    if scheme == "file":
        return "file", f"/{unquote(key)}"
    if scheme in _NAMESPACE_SCHEMES:
        return f"{_NAMESPACE_SCHEMES[scheme]}://{container}", key or "/"
    host = f"@{account}.dfs.core.windows.net" if account else ""
    return f"abfss://{container}{host}", key or "/"


def _statistics(files: Iterable[Mapping[str, Any]]) -> OutputStatisticsOutputDatasetFacet:
    from airflow.providers.common.compat.openlineage.facet import (
        OutputStatisticsOutputDatasetFacet,
    )

    files = list(files)
    rows = [file["rows"] for file in files]
    known: dict[str, Any] = {
        "rowCount": None if None in rows else sum(rows),
        "size": sum(file["bytes"] for file in files),
    }
    try:
        return OutputStatisticsOutputDatasetFacet(**known, fileCount=len(files))
    except TypeError:  # older clients know no count of files
        return OutputStatisticsOutputDatasetFacet(**known)
