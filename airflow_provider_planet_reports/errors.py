"""The base of all errors of this package, and the one for input that cannot be right."""

from __future__ import annotations

from typing import ClassVar


class PlanetReportsError(Exception):
    """Base of every error of this package.

    ``final`` says that a retry cannot help, because the input, the API key or the configuration
    has to change first.
    """

    final: ClassVar[bool] = False


class InvalidInput(PlanetReportsError, ValueError):
    """A parameter, connection or destination that cannot be right; raised before any request."""

    final = True
