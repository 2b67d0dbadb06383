"""The reports' files: CSV as detailed reports have it, of which any piece tells its place."""

from __future__ import annotations

import hashlib
import mmap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_HEADER = b"batch,acquired,item_type,item_id,asset,user,area_sqkm,usage,footprint\n"
_ROW = (
    b',2026-11-%02dT06:45:12Z,PSScene,20261101_064512_%04d,ortho_analytic_4b,"Li, Chen",12.345,'
    b'9.876,"{""type"": ""Polygon"", ""coordinates"": [[[-117.1234, 37.1234], [-116.9234, 37.1234],'
    b' [-116.9234, 37.2234], [-117.1234, 37.2234], [-117.1234, 37.1234]]]}"\n'
)
_PLAIN_ROW = (
    b",2026-11-%02dT06:45:12Z,PSScene,20261101_064512_%04d,ortho_analytic_4b,Chen Li,"
    b"12.345,9.876,\n"
)
_MARK = b"\nbatch-"
_DIGITS = 12
_BLOCK = 2**16


@dataclass(frozen=True)
class Content:
    """A file that is served under the names of many reports.

    :param path: where it is.
    :param bytes: its size.
    :param sha256: its digest.
    :param rows: rows below its header.
    """

    path: str
    bytes: int
    sha256: str
    rows: int

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def make(path: Path, size: int, *, plain: bool = False) -> Content:
    """Write a file of whole rows, of at most a size.

    Blocks of 64 KiB repeat, each with its number in its first row: so a piece of the file can be
    put into its place, and compared, without knowing what came before.

    :param path: where.
    :param size: how large.
    :param plain: whether to leave out the quoted fields.
    """
    row = _PLAIN_ROW if plain else _ROW
    rows = [row % (number % 28 + 1, number % 10_000) for number in range(2 * _BLOCK // len(row))]
    first, count, used = rows[0], 1, len(rows[0]) + len(_MARK) - 1 + _DIGITS
    while used + len(rows[count]) <= _BLOCK:
        used += len(rows[count])
        count += 1
    rest = b"".join(rows[1:count])
    done, number, total = 0, 0, 0
    digest = hashlib.sha256()
    with path.open("wb") as file:

        def write(data: bytes) -> None:
            file.write(data)
            digest.update(data)

        write(_HEADER)
        done = len(_HEADER)
        while done + used <= size:
            write(b"%s%0*d%s%s" % (_MARK[1:], _DIGITS, number, first, rest))
            done, number, total = done + used, number + 1, total + count
        for each in rows[1:count]:
            if done + len(each) > size:
                break
            write(each)
            done, total = done + len(each), total + 1
    return Content(str(path), done, digest.hexdigest(), total)


class Reference:
    """What was served, to compare with what came out at the other end.

    :param path: the file.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.view = memoryview(self._map)
        self.size = len(self._map)
        first = self._map.find(_MARK)
        self._start = first + 1
        second = self._map.find(_MARK, first + 1)
        self._block = second - first

    def place(self, piece: bytes | memoryview) -> int | None:
        """Return where a piece of the file begins, if it is one."""
        if self.size - len(piece) == 0 or bytes(piece[: len(_HEADER)]) == _HEADER:
            return 0
        beginning = bytes(piece[: _BLOCK + 64])
        at = beginning.find(_MARK)
        digits = beginning[at + len(_MARK) :][:_DIGITS]
        if at < 0 or len(digits) < _DIGITS:
            return self.size - len(piece)  # a short tail, or nothing that the comparison lets pass
        return self._start + int(digits) * self._block - (at + 1)

    def holds(self, piece: bytes | memoryview, offset: int) -> bool:
        """Whether a piece is what stands at an offset."""
        if not 0 <= offset <= self.size - len(piece):
            return False
        # Of all comparisons of buffers, a bytearray's is the one without a loop in Python's core.
        mine = self.view[offset : offset + len(piece)]
        return (piece.obj if _is_whole(piece) else bytearray(piece)) == mine


def same(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes.

    They are not mapped: a process passes on the most memory that it had to those it starts.
    """
    if one.stat().st_size != other.stat().st_size:
        return False
    mine, its = bytearray(2**20), bytearray(2**20)
    with one.open("rb", buffering=0) as a, other.open("rb", buffering=0) as b:
        while got := a.readinto(mine):
            if b.readinto(its) != got or mine != its:
                return False
    return True


def _is_whole(piece: bytes | memoryview) -> bool:
    return (
        isinstance(piece, memoryview)
        and isinstance(piece.obj, bytearray)
        and len(piece.obj) == len(piece)
    )
