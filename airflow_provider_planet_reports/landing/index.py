"""One object with what many receipts say.

The receipts are the truth; the index only spares reading thousands of them one by one. An
entry counts only while the receipt has the same stamp in the listing as when it was read.
"""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Mapping

from airflow_provider_planet_reports.landing.layout import RECEIPTS
from airflow_provider_planet_reports.landing.receipt import Receipt
from airflow_provider_planet_reports.landing.stores.interface import Store, put

log = logging.getLogger(__name__)

#: No report's receipt can have this name: ids never begin with an underscore.
KEY = f"{RECEIPTS}_index.json.gz"


class ReceiptIndex:
    """The index of a landing zone's receipts.

    Losing it, or finding it damaged, costs time and nothing else.

    :param store: the destination.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, stamps: Mapping[str, str]) -> dict[str, Receipt]:
        """Return the receipts that the index holds and that are still as they were.

        :param stamps: the stamps of all receipts by report id, as just listed.
        """
        try:
            entries = json.loads(gzip.decompress(self._store.read(KEY)))
            return {
                report_id: Receipt.from_dict(source, KEY)
                for report_id, (stamp, source) in entries.items()
                if stamps.get(report_id) == stamp
            }
        except FileNotFoundError:
            return {}
        except Exception as error:  # every store has its own, and damage has many forms
            log.warning(
                "%s can't be used (%s): receipts are read one by one, and it is written again.",
                self._store.uri(KEY),
                type(error).__name__,
            )
            return {}

    def save(self, receipts: Mapping[str, Receipt], stamps: Mapping[str, str]) -> None:
        """Write the index anew.

        :param receipts: all receipts to hold, by report id.
        :param stamps: their stamps; what has none is left out.
        """
        entries = {
            report_id: (stamps[report_id], receipt.to_dict())
            for report_id, receipt in receipts.items()
            if report_id in stamps
        }
        try:
            put(self._store, KEY, gzip.compress(json.dumps(entries).encode(), compresslevel=1))
        except Exception as error:  # every store has its own
            log.warning("%s could not be written (%s).", self._store.uri(KEY), type(error).__name__)
