"""From the landing zone into a warehouse. Knows no HTTP and no client."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_planet_reports.landing.receipt import Receipt
    from airflow_provider_planet_reports.warehouse.loading import LoadOutcome


def load_reports(
    source: str | ObjectStoragePath,
    warehouse: str,
    *,
    source_conn_id: str | None = None,
    warehouse_conn_id: str | None = None,
    required_columns: Sequence[str] = (),
    remove_missing: bool = False,
    except_reports: Collection[str] = (),
    columns: Mapping[str, str] | None = None,
    loaded_by: str = "",
    **filters: Any,
) -> LoadOutcome:
    """Load what is landed and not loaded, or landed anew since.

    The receipts in the landing zone say what is landed, the warehouse's table ``loaded_reports``
    what is loaded; the difference is loaded. Inside a task, or wherever Airflow's connections can
    be read::

        outcome = load_reports("s3://my_aws@bucket/planet", "duckdb:///data/planet.duckdb")

    :param source: the landing zone, as ``ObjectStoragePath`` or URL.
    :param warehouse: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``.
    :param source_conn_id: connection for the landing zone, where its URL names none.
    :param warehouse_conn_id: connection for the warehouse, where its URL names none.
    :param required_columns: columns that each file has to have; a report that lacks one is not
        loaded, by default none.
    :param remove_missing: whether the rows go of reports that are not landed any more, by default
        False: they are named in the log.
    :param except_reports: ids of reports that are left alone, by default none.
    :param columns: what the files call the columns that the views need, by our names (``usage``,
        ``item_type``, ``date``); by default the same.
    :param loaded_by: who loads, for the ledger; by default nobody.
    :param filters: ``org_id``, ``plan_id``, ``report_type``, ``cadence``, ``start`` and ``end``, as
        in a listing; by default everything that is landed.
    :return: what was loaded, and what could not be.
    :raises InvalidInput: if a URL, connection or filter is not valid.
    :raises WarehouseError: if the warehouse fails as a whole.
    :raises DestinationError: if the landing zone cannot be read.
    """
    from airflow_provider_planet_reports.landing.zone import open_zone
    from airflow_provider_planet_reports.warehouse.loading import LoadingRun
    from airflow_provider_planet_reports.warehouse.opening import open_warehouse
    from airflow_provider_planet_reports.warehouse.views import keep_views, view_columns

    names = view_columns(columns)
    zone = open_zone(source, source_conn_id)
    with closing(open_warehouse(warehouse, warehouse_conn_id)) as database:
        run = LoadingRun(
            zone,
            database,
            required_columns=tuple(required_columns),
            except_reports=except_reports,
            remove_missing=remove_missing,
            loaded_by=loaded_by,
        )
        outcome = run.run(**filters)
        keep_views(database, names)
        return outcome


def loaded_in(warehouse: str, warehouse_conn_id: str | None = None) -> Callable[[Receipt], bool]:
    """Return a function that says whether a landed report is loaded, in the edition that is landed.

    :param warehouse: ``duckdb:///absolute/path.duckdb`` or ``postgres://conn_id@/schema``; nothing
        is loaded where there is none.
    :param warehouse_conn_id: connection for the warehouse, where its URL names none.
    :raises InvalidInput: if the URL or connection is not valid.
    :raises WarehouseError: if the warehouse cannot be read.
    """
    from airflow_provider_planet_reports.warehouse.ledger import is_loaded
    from airflow_provider_planet_reports.warehouse.opening import open_warehouse, parse_warehouse

    address = parse_warehouse(warehouse, warehouse_conn_id)
    if address.kind == "duckdb" and not Path(address.name).exists():
        return lambda receipt: False  # noqa: ARG005
    with closing(open_warehouse(warehouse, warehouse_conn_id, read_only=True)) as database:
        ledger = database.ledger() if database.columns_of("loaded_reports") else {}
    return lambda receipt: is_loaded(receipt, ledger)
