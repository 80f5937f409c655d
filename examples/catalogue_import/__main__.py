"""Command line of the importer: `make import FILE=diamonds.csv.gz`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.config.settings import ConfigError, load_settings
from examples.catalogue_import.importer import run_import


def import_catalogue(
    file: Annotated[Path, typer.Argument(help="A CSV file of diamonds, gzip or plain.")],
    url: Annotated[
        str | None, typer.Option(help="URL of the service, instead of PORT on this machine.")
    ] = None,
    username: Annotated[str, typer.Option(help="The owner of the items.")] = "user",
    rejects: Annotated[Path, typer.Option(help="The file for rejected rows.")] = Path(
        "rejects.csv"
    ),
    *,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for it; else IMPORT_PASSWORD or DEMO_PASSWORD.")
    ] = False,
    update: Annotated[
        bool, typer.Option("--update", help="Set prices that differ, instead of reporting them.")
    ] = False,
) -> None:
    """Send a catalogue through the API of the running service."""
    # Never on the command line, where `ps` and the shell's history would show it.
    asked = typer.prompt("Password", hide_input=True) if password else None
    run_import(
        file,
        url=url,
        username=username,
        password=asked or os.environ.get("IMPORT_PASSWORD"),
        rejects=rejects,
        update=update,
        settings=load_settings(),
    )


if __name__ == "__main__":
    try:
        typer.run(import_catalogue)
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
