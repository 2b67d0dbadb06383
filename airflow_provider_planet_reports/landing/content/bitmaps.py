"""Where letters stand in a block of bytes: sets of places, a bit for each byte.

A processor handles 64 places at a time, so it does not matter how many there are.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

#: Words of 64 places, the first one in the lowest bit.
Places: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_WORD = np.dtype("<u8")
_HIGHEST = np.uint64(63)


class Finder:
    """Finds letters, in memory that is kept: asking for it each time would take longest."""

    def __init__(self) -> None:
        self._matches = np.empty(0, np.bool_)

    def places(self, letter: str, block: bytes) -> Places:
        """Return where a letter stands in a block: nowhere beyond its end."""
        if len(block) > len(self._matches):
            self._matches = np.empty(len(block), np.bool_)
        matches = self._matches[: len(block)]
        np.equal(np.frombuffer(block, np.uint8), ord(letter), out=matches)
        packed = np.packbits(matches, bitorder="little")
        packed.resize(-(-len(block) // 64) * 8, refcheck=False)
        return packed.view(_WORD)


def following(places: Places, *, first: bool) -> Places:
    """Return the places next to these.

    :param first: whether the block's first place is one of them.
    """
    shifted = places << np.uint64(1)
    shifted[1:] |= places[:-1] >> _HIGHEST
    shifted[0] |= first
    return shifted


def from_odd_to_even(places: Places, *, begun: bool) -> Places:
    """Return all places from the first of these up to the second, without it, and so on.

    :param begun: whether one was begun before the block.
    """
    # Each place turns over all that follow: first in its own word, then in the words behind.
    turned = places.copy()
    for distance in (1, 2, 4, 8, 16, 32):
        turned ^= turned << np.uint64(distance)
    odd = np.bitwise_xor.accumulate(turned >> _HIGHEST)
    turned[1:] ^= -odd[:-1]
    return ~turned if begun else turned


def last(places: Places) -> bool:
    """Return whether the last place of the last word is one of these."""
    return bool(places[-1] >> _HIGHEST)


def number(places: Places) -> int:
    """Return how many there are."""
    if hasattr(np, "bitwise_count"):  # from numpy 2 on
        return int(np.bitwise_count(places).sum())
    return int.from_bytes(places.tobytes(), "little").bit_count()
