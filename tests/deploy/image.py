"""The Dockerfile, compared with what the application declares."""

import re

from app.commands.cli import cli
from tests.e2e.service import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def last_argument(instruction: str) -> str:
    """What follows the last such instruction."""
    found: list[str] = re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)
    return found[-1]


PORT = int(last_argument("EXPOSE"))
USER, GROUP = (int(number) for number in last_argument("USER").split(":"))
VOLUME = last_argument("VOLUME")


def is_command(arguments: list[str]) -> bool:
    """Return whether the command line has this command, with or without a group."""
    groups = {group.name: group.typer_instance for group in cli.registered_groups}
    group = groups.get(arguments[0])
    commands = (group or cli).registered_commands
    names = {each.name or each.callback.__name__ for each in commands if each.callback}
    return arguments[-1] in names
