"""A search of bytes for secrets, in whatever form they were written down."""

from __future__ import annotations

import base64
import contextlib
import gzip
import re
import sqlite3
from collections import Counter
from pathlib import Path

from cryptography.fernet import Fernet

_GZIP = b"\x1f\x8b"
_FERNET_TOKEN = re.compile(r"gAAAA[\w=-]{60,}")


class Hunt:
    """A search for secrets, in the clear and in base64, whatever stands around them.

    :param secrets: secrets that no quoting changes, by what to call them.
    """

    def __init__(self, **secrets: str) -> None:
        self._needles = {
            name: (secret.encode(), *_in_base64(secret.encode()))
            for name, secret in secrets.items()
        }
        self.bytes: Counter[str] = Counter()
        self.places: Counter[str] = Counter()
        #: Name of the secret, and where it is.
        self.found: list[tuple[str, str]] = []

    def search(self, kind: str, where: object, data: bytes | str) -> None:
        """Search one thing; what is packed in it, too.

        :param kind: what it is counted as.
        :param where: what it is.
        :param data: its bytes.
        """
        data = data.encode() if isinstance(data, str) else data
        self.bytes[kind] += len(data)
        self.places[kind] += 1
        for name, needles in self._needles.items():
            for at in {data.find(needle) for needle in needles} - {-1}:
                around = data[max(at - 200, 0) : at + 100]
                self.found.append((name, f"{kind}, {where}: {around!r}"))
        if data.startswith(_GZIP):
            self.search(kind, f"{where}, unpacked", gzip.decompress(data))

    def search_files(self, folder: Path) -> None:
        """Search all files below a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder)
                self.search(f"file {name.parts[0]}", name, path.read_bytes())

    def search_database(self, path: Path, fernet_key: str) -> None:
        """Search an SQL dump of a metadata database, and what Airflow encrypted in it.

        The password column of connections stays encrypted: it is where the key is kept.
        """
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            lines = list(database.iterdump())
        self.search("SQL dump", path.name, "\n".join(lines))
        for line in lines:
            if not line.startswith('INSERT INTO "connection"'):
                for token in _FERNET_TOKEN.findall(line):
                    self.search("decrypted", line[:40], Fernet(fernet_key).decrypt(token))

    def search_warehouse(self, path: Path) -> None:
        """Search all tables of a DuckDB file, which compresses them."""
        import duckdb

        with duckdb.connect(str(path), read_only=True) as warehouse:
            for (table,) in warehouse.execute("SHOW TABLES").fetchall():
                rows = warehouse.execute(f'FROM "{table}"').fetchall()
                self.search("warehouse table", table, repr(rows))

    def report(self) -> str:
        """Say what was searched."""
        lines = [
            f"{self.bytes[kind]:>12,} bytes, {self.places[kind]:>4} places: {kind}"
            for kind in sorted(self.bytes)
        ]
        total = f"{sum(self.bytes.values()):>12,} bytes, {sum(self.places.values()):>4} places"
        return "\n".join(["", *lines, f"{total}: all. Findings: {len(self.found)}."])


def _in_base64(secret: bytes) -> list[bytes]:
    """Return the digits that a secret alone decides, for each way in which it may stand."""
    ways = []
    for before in range(3):
        digits = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        shares_last = (before + len(secret)) % 3 != 0
        ways.append(digits[(0, 2, 3)[before] : len(digits) - shares_last])
    return ways
