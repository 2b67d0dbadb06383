"""Numbers of things, in messages and logs."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number of things in words: ``1 report``, ``2 reports``.

    :param number: how many.
    :param noun: what they are, in the singular, with a regular plural.
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
