"""The commands for ``airflow`` itself (Airflow 3.2 and later)."""

from __future__ import annotations

from typing import Any

from airflow_provider_planet_reports.cli.arguments import COMMANDS, GROUP, SUMMARY


def get_planet_reports_cli_commands() -> list[Any]:
    """Return the group ``airflow planet-reports``."""
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

    return [
        GroupCommand(
            name=GROUP,
            help=SUMMARY,
            subcommands=[
                ActionCommand(
                    name=command.name,
                    help=command.summary,
                    func=lazy_load_command(f"{__package__}.{command.function}"),
                    args=[Arg(each.flags, **each.settings) for each in command.arguments],
                )
                for command in COMMANDS
            ],
        )
    ]
