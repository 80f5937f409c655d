"""Command group `app keys`; the implementation is imported when a command runs."""

import enum
from pathlib import Path
from typing import Annotated

import typer

from app.config.settings import load_settings
from app.features.auth.settings import AuthSettings

keys = typer.Typer(no_args_is_help=True, help="Keys that sign access tokens.")


def register(cli: typer.Typer, _: typer.Typer) -> None:
    cli.add_typer(keys, name="keys")


class KeyAlgorithm(enum.StrEnum):
    ES256 = "ES256"
    RS256 = "RS256"


@keys.command("generate")
def generate_key(
    file: Annotated[Path, typer.Argument(help="Where to write the private key, as PEM.")],
    algorithm: KeyAlgorithm = KeyAlgorithm.ES256,
) -> None:
    """Make a key for ES256 or RS256."""
    from app.features.auth import commands

    commands.generate(file, algorithm.value)


@keys.command("rotate")
def rotate_key() -> None:
    """Exchange SIGNING_KEY_FILE for a new key; the old one becomes the previous one."""
    from app.features.auth import commands

    commands.rotate(load_settings().of(AuthSettings))
