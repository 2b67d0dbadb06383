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
_TABLE = re.compile(r'INSERT INTO "?(\w+)')
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
        #: Name of the secret, what kind of place it is in, and where.
        self.found: list[tuple[str, str, str]] = []

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
                self.found.append((name, kind, f"{where}: {around!r}"))
        if data.startswith(_GZIP):
            self.search(kind, f"{where}, unpacked", gzip.decompress(data))

    def search_files(self, folder: Path) -> None:
        """Search all files below a folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                name = path.relative_to(folder)
                self.search(f"file {name.parts[0]}", name, path.read_bytes())

    def search_database(self, path: Path, fernet_key: str) -> None:
        """Search the tables of a metadata database, and what Airflow encrypted in them.

        The password column of connections stays encrypted: it is where the key is kept.
        """
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            for line in database.iterdump():
                table = _TABLE.match(line)
                kind = f"table {table.group(1)}" if table else "SQL"
                self.search(kind, path.name, line)
                for token in _FERNET_TOKEN.findall(line) if kind != "table connection" else ():
                    self.search(f"{kind}, decrypted", "", Fernet(fernet_key).decrypt(token))

    def search_warehouse(self, path: Path) -> None:
        """Search all tables of a DuckDB file, which compresses them."""
        import duckdb

        with duckdb.connect(str(path), read_only=True) as warehouse:
            for (table,) in warehouse.execute("SHOW TABLES").fetchall():
                rows = warehouse.execute(f'FROM "{table}"').fetchall()
                self.search("warehouse table", table, repr(rows))

    def report(self) -> str:
        """Say what was searched."""
        size, places = Counter[str](), Counter[str]()
        for kind in self.bytes:
            group = kind if kind.startswith("file ") else kind.partition(" ")[0]
            for name in (group, "all"):
                size[name] += self.bytes[kind]
                places[name] += self.places[kind]
        return "\n".join(
            f"{size[name]:>12,} bytes in {places[name]:>5} places: {name}" for name in sorted(size)
        )


def _in_base64(secret: bytes) -> list[bytes]:
    """Return the digits that a secret alone decides, for each way in which it may stand."""
    ways = []
    for before in range(3):
        digits = base64.b64encode(bytes(before) + secret).rstrip(b"=")
        shares_last = (before + len(secret)) % 3 != 0
        ways.append(digits[(0, 2, 3)[before] : len(digits) - shares_last])
    return ways
