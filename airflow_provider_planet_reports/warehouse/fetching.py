"""Landed reports as local files, with the proof that they are what their receipts say."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from airflow_provider_planet_reports.errors import PlanetReportsError
from airflow_provider_planet_reports.landing.layout import ReportKey
from airflow_provider_planet_reports.landing.receipt import LandedFile, Receipt
from airflow_provider_planet_reports.landing.zone import LandingZone
from airflow_provider_planet_reports.warehouse.csv_files import (
    CsvFile,
    check_columns,
    inspect,
    rewrite,
)
from airflow_provider_planet_reports.warehouse.errors import ReportNotLoaded, WarehouseError

#: How often a receipt is read again because a file that it named was not there: the report may be
#: landed anew meanwhile.
_LOOKS = 3
_BLOCK = 2**20


@dataclass(frozen=True)
class Fetched:
    """A landed report in local files.

    :param receipt: its receipt.
    :param files: its files, in order; those of an archive each for itself.
    :param oddity: what is odd about it, for people; None for nothing.
    """

    receipt: Receipt
    files: tuple[CsvFile, ...]
    oddity: str | None = None

    @property
    def rows(self) -> int:
        """Its rows."""
        return sum(file.rows for file in self.files)

    def rewritten(self) -> Fetched:
        """Return the report with files that every database reads in the same way.

        :raises ReportNotLoaded: if a file has another number of rows than were counted.
        """
        files = [file if file.rewritten else rewrite(file) for file in self.files]
        return replace(self, files=tuple(files))


def fetch(
    zone: LandingZone, receipt: Receipt, place: Path, required_columns: tuple[str, ...] = ()
) -> Fetched | None:
    """Fetch a report; where a file is missing, ask its receipt again, since it may be landed anew.

    :param zone: the landing zone.
    :param receipt: the report's receipt.
    :param place: what the paths of its files begin with, in a folder that exists.
    :param required_columns: columns that each file has to have.
    :return: the report; None where it was forgotten meanwhile.
    :raises ReportNotLoaded: if it is not what its receipt says, or lacks a column.
    :raises WarehouseError: if files are missing time and again.
    """
    missing = ""
    for _ in range(_LOOKS):
        try:
            return _fetch(zone, receipt, place, required_columns)
        except FileNotFoundError as error:
            missing = str(error)
        again = zone.receipt(receipt.key)
        if again is None:
            return None
        receipt = again
    raise WarehouseError(
        f"A file is missing that the receipt names: run `verify` on the landing zone. {missing}"
    )


def _fetch(
    zone: LandingZone, receipt: Receipt, place: Path, required_columns: tuple[str, ...]
) -> Fetched:
    files = []
    for number, file in enumerate(receipt.files, 1):
        copy = _copy(zone, file, Path(f"{place}-{number}{Path(file.name).suffix}"))
        try:
            files += [inspect(*each) for each in _unpacked(copy, file.rows)]
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile, NotImplementedError) as error:
            raise ReportNotLoaded(
                f"Damaged content: run `verify`, or ask Planet to issue the report again. "
                f"{zone.store.uri(file.name)} ({type(error).__name__}: {error})"
            ) from None
    oddity = check_columns(files, required_columns)
    ready = (file if file.plain or not file.rows else rewrite(file) for file in files)
    return Fetched(receipt, tuple(ready), oddity)


def _copy(zone: LandingZone, file: LandedFile, path: Path) -> Path:
    """Write a landed file to a local one, and compare its digest."""
    digest = hashlib.sha256()
    with path.open("wb") as copy:
        for data in zone.store.stream(file.name):
            digest.update(data)
            copy.write(data)
    if digest.hexdigest() != file.sha256:
        raise ReportNotLoaded(
            "A file has other bytes than its receipt says: run `verify` on the landing zone. "
            f"{zone.store.uri(file.name)}"
        )
    return path


def _unpacked(copy: Path, rows: int | None) -> Iterator[tuple[Path, int]]:
    """Yield the CSV files in a landed file, each with its rows.

    :param copy: the file.
    :param rows: its rows, where they are known.
    """
    if copy.suffix == ".gz":
        plain = copy.with_suffix(".csv")
        with gzip.open(copy) as source, plain.open("wb") as target:
            shutil.copyfileobj(source, target, _BLOCK)
        copy.unlink()
        yield plain, _counted(plain) if rows is None else rows
    elif copy.suffix == ".zip":
        with zipfile.ZipFile(copy) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            for number, member in enumerate(members, 1):
                plain = copy.with_suffix(f".{number}.csv")
                with archive.open(member) as source, plain.open("wb") as target:
                    shutil.copyfileobj(source, target, _BLOCK)
                yield plain, _counted(plain)
        copy.unlink()
    else:
        yield copy, _counted(copy) if rows is None else rows


def _counted(path: Path) -> int:
    # numpy is imported by the tasks that load, and not where DAG files are parsed.
    from airflow_provider_planet_reports.landing.content.rows import CSVRows

    counter = CSVRows()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            counter.update(block)
    return counter.rows()


def failure(key: ReportKey, error: Exception) -> PlanetReportsError:
    """Return why a report is not loaded, as an error of this package.

    :param key: the report.
    :param error: what was met.
    """
    if isinstance(error, PlanetReportsError):
        return error
    reason = " ".join(str(error).split())[:300]
    return WarehouseError(
        f"The warehouse refused report {key.report_id!r}: correct what it says, or except the "
        f"report. ({type(error).__name__}: {reason})"
    )
