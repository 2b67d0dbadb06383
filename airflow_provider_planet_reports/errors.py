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


class MissingPackage(InvalidInput):
    """A package that is asked for is not installed.

    :param extra: extra of this package that has it.
    :param needed_for: what needs it.
    :param error: what the import says, where it is known.
    """

    def __init__(self, extra: str, needed_for: str, error: object = None) -> None:
        said = "" if error is None else f" ({error})"
        super().__init__(
            f"Missing package: pip install 'airflow-provider-planet-reports[{extra}]', which "
            f"{needed_for} needs.{said}"
        )
