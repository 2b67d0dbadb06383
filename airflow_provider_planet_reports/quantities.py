"""Quantities as messages and logs write them."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: ``1 report``, ``2 reports``.

    :param number: how many.
    :param noun: what they are, in the singular, with a regular plural.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def format_bytes(size: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
