"""Where bytes occur in a text: bitmaps with one bit for each byte.

A processor handles 64 bits at a time, so it does not matter how many occurrences there are.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

#: Words of 64 bits, the text's first byte in the lowest bit.
Bitmap: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]

_HIGHEST = np.uint64(63)


def padded(before: bytes, text: bytes) -> bytes:
    """Return two texts as one that fills whole words, with line ends in front, at least one."""
    return b"\n" * (64 - (len(before) + len(text)) % 64) + before + text


def match(letter: str, text: bytes) -> Bitmap:
    """Return where a letter occurs in a padded text."""
    matches = np.frombuffer(text, np.uint8) == ord(letter)
    return np.packbits(matches, bitorder="little").view("<u8")


def shift_one(bitmap: Bitmap) -> Bitmap:
    """Return the bitmap of the following bytes."""
    shifted = bitmap << np.uint64(1)
    shifted[1:] |= bitmap[:-1] >> _HIGHEST
    return shifted


def inside_quotes(quotes: Bitmap) -> Bitmap:
    """Return all bytes from each odd quote up to the next even one, without that one."""
    # A prefix XOR: first within each word, then each word's parity carried into those behind.
    inside = quotes.copy()
    for distance in (1, 2, 4, 8, 16, 32):
        inside ^= inside << np.uint64(distance)
    odd = np.bitwise_xor.accumulate(inside >> _HIGHEST)
    inside[1:] ^= -odd[:-1]
    return inside


def ends_inside(bitmap: Bitmap) -> bool:
    """Return the bit of the last byte."""
    return bool(bitmap[-1] >> _HIGHEST)


def popcount(bitmap: Bitmap) -> int:
    """Return how many bits are set."""
    if hasattr(np, "bitwise_count"):  # from numpy 2 on
        return int(np.bitwise_count(bitmap).sum())
    return int.from_bytes(bitmap.tobytes(), "little").bit_count()
