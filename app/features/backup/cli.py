"""Commands `app db dump` and `app db restore`; the implementation is imported when one runs."""

from pathlib import Path
from typing import Annotated

import typer

from app.config.settings import load_settings


def register(_: typer.Typer, db: typer.Typer) -> None:
    db.command("dump")(dump_database)
    db.command("restore")(restore_database)


def dump_database(file: Annotated[Path, typer.Argument(help="Path of the dump file.")]) -> None:
    """Write a consistent copy of the database into a file."""
    from app.commands.database import owner_database
    from app.features.backup import commands as backup

    with owner_database(load_settings()) as url:
        backup.dump(url, file)


def restore_database(
    file: Annotated[Path, typer.Argument(help="A file written by `app db dump`.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Drop all existing data.")] = False,
) -> None:
    """Restore a dump, all or nothing, into an empty database."""
    from app.commands.database import owner_database, service_role
    from app.features.backup import commands as backup

    settings = load_settings()
    with owner_database(settings) as url:
        print(backup.restore(url, file, force=force))
    if service_role(settings):
        print("Run `app db upgrade`: it grants the role of the service its rights.")
