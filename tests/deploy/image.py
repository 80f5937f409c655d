"""The Dockerfile, compared with what the application declares."""

import re

from app.commands.cli import cli
from tests.e2e.service import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def said(instruction: str) -> str:
    """What follows the last such instruction."""
    found: list[str] = re.findall(rf"^{instruction} (.*)$", DOCKERFILE, re.MULTILINE)
    return found[-1]


PORT = int(said("EXPOSE"))
USER, GROUP = (int(number) for number in said("USER").split(":"))
VOLUME = said("VOLUME")


def is_command(arguments: list[str]) -> bool:
    """Whether the command line knows these, a group and its command or a command alone."""
    groups = {group.name: group.typer_instance for group in cli.registered_groups}
    group = groups.get(arguments[0])
    commands = (group or cli).registered_commands
    names = {each.name or each.callback.__name__ for each in commands if each.callback}
    return arguments[-1] in names
