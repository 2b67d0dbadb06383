"""The command line for every version of Airflow."""

from __future__ import annotations

import argparse
from importlib import import_module

from airflow_provider_planet_reports.cli.arguments import COMMANDS, SUMMARY


def main() -> None:
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_planet_reports",
        description=f"{SUMMARY}. Connections are Airflow's.",
    )
    groups = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        group = groups.add_parser(command.name, help=command.summary, description=command.summary)
        for argument in command.arguments:
            group.add_argument(*argument.flags, **argument.settings)
        group.set_defaults(function=command.function)
    given = parser.parse_args()
    module, _, function = given.function.rpartition(".")
    commands = import_module(f"airflow_provider_planet_reports.cli.{module}")
    getattr(commands, function)(given)


if __name__ == "__main__":
    main()
