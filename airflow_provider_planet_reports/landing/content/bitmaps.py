"""Where bytes occur in a block: bitmaps with one bit for each byte.

A processor handles 64 bits at a time, so it does not matter how many occurrences there are.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

#: Words of 64 bits, the block's first byte in the lowest bit.
Bitmap: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_WORD = np.dtype("<u8")
_HIGHEST = np.uint64(63)


class Matcher:
    """Finds bytes; it keeps its memory, since allocating it each time would take longest."""

    def __init__(self) -> None:
        self._matches = np.empty(0, np.bool_)

    def match(self, letter: str, block: bytes) -> Bitmap:
        """Return where a letter occurs in a block; bits beyond its end are zero."""
        if len(block) > len(self._matches):
            self._matches = np.empty(len(block), np.bool_)
        matches = self._matches[: len(block)]
        np.equal(np.frombuffer(block, np.uint8), ord(letter), out=matches)
        packed = np.packbits(matches, bitorder="little")
        packed.resize(-(-len(block) // 64) * 8, refcheck=False)
        return packed.view(_WORD)


def shift_one(bitmap: Bitmap, *, first: bool) -> Bitmap:
    """Return the bitmap of the following bytes.

    :param first: the bit of the block's first byte.
    """
    shifted = bitmap << np.uint64(1)
    shifted[1:] |= bitmap[:-1] >> _HIGHEST
    shifted[0] |= first
    return shifted


def inside_quotes(quotes: Bitmap, *, begun: bool) -> Bitmap:
    """Return all bytes from each odd quote up to the next even one, without that one.

    :param begun: whether the block begins inside quotes.
    """
    # A prefix XOR: first within each word, then each word's parity carried into those behind.
    inside = quotes.copy()
    for distance in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(distance)
    odd = np.bitwise_xor.accumulate(inside >> _HIGHEST)
    inside[1:] ^= -odd[:-1]
    return ~inside if begun else inside


def ends_inside(bitmap: Bitmap) -> bool:
    """Return the last bit of the last word."""
    return bool(bitmap[-1] >> _HIGHEST)


def popcount(bitmap: Bitmap) -> int:
    """Return how many bits are set."""
    if hasattr(np, "bitwise_count"):  # from numpy 2 on
        return int(np.bitwise_count(bitmap).sum())
    return int.from_bytes(bitmap.tobytes(), "little").bit_count()
