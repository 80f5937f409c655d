"""The command line. Commands import what they need, so that `--help` answers at once."""

import enum
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.config.settings import ConfigError, load_settings
from app.features.tasks.commands_group import jobs

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
db = typer.Typer(no_args_is_help=True, help="Migrate and look after the database.")
keys = typer.Typer(no_args_is_help=True, help="Keys that sign access tokens.")
users = typer.Typer(no_args_is_help=True, help="Accounts.")
cli.add_typer(db, name="db")
cli.add_typer(keys, name="keys")
cli.add_typer(users, name="users")
cli.add_typer(jobs, name="jobs")


class KeyAlgorithm(enum.StrEnum):
    ES256 = "ES256"
    RS256 = "RS256"


@cli.command()
def run(
    port: Annotated[int | None, typer.Option(help="Port to listen on, instead of PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, instead of WORKERS.")] = None,
    host: Annotated[str | None, typer.Option(help="Address, instead of HOST.")] = None,
) -> None:
    """Start the server, in development together with a PostgreSQL of its own."""
    given = {"port": port, "workers": workers, "host": host}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    # After the settings: what is wrong with them is said at once.
    from app.commands.serve import serve

    serve(settings)


@cli.command()
def worker() -> None:
    """Work on what the web processes have enqueued, until SIGTERM."""
    settings = load_settings(run_worker=True)
    from app.commands.worker import work

    work(settings)


@cli.command()
def openapi(
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare only.")] = False,
    release: Annotated[bool, typer.Option("--release", help="Later changes answer to it.")] = False,
) -> None:
    """Write docs/openapi.json, or compare it with the code and the last release."""
    from app.devtools import openapi as document

    document.check() if check else document.write()
    if release:
        document.release()


@db.command("upgrade")
def upgrade_database(revision: str = "head") -> None:
    """Bring the database to a revision; replicas may run this at the same time."""
    from app.commands.database import owner_database, upgrade

    settings = load_settings()
    with owner_database(settings) as url:
        upgrade(settings, url, revision)


@db.command("downgrade")
def downgrade_database(revision: str) -> None:
    """Take the database back to a revision."""
    from app.commands.database import owner_database
    from app.db import migrations

    with owner_database(load_settings()) as url:
        migrations.downgrade(url, revision)


@db.command("revision")
def revise_database(message: str) -> None:
    """Write a migration from the difference between the models and the database."""
    from app.commands.database import owner_database
    from app.db import migrations

    with owner_database(load_settings()) as url:
        migrations.upgrade(url)
        migrations.revise(url, message)


@db.command("check")
def check_database() -> None:
    """Fail when the models are ahead of the migrations."""
    from app.commands.database import check_migrations

    check_migrations()


@db.command("dump")
def dump_database(file: Annotated[Path, typer.Argument(help="Where to write the dump.")]) -> None:
    """Write a consistent copy of the database into a file."""
    from app.commands.database import owner_database
    from app.features.backup import commands as backup

    with owner_database(load_settings()) as url:
        backup.dump(url, file)


@db.command("restore")
def restore_database(
    file: Annotated[Path, typer.Argument(help="What `app db dump` wrote.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Drop what the database holds.")] = False,
) -> None:
    """Restore a dump, all or nothing, into an empty database."""
    from app.commands.database import owner_database, service_role
    from app.features.backup import commands as backup

    settings = load_settings()
    with owner_database(settings) as url:
        print(backup.restore(url, file, force=force))
    if service_role(settings):
        print("Run `app db upgrade`: it grants the role of the service its rights.")


@db.command("reset")
def reset_database() -> None:
    """Delete the data of `make run`."""
    from app.commands.database import reset

    reset()


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

    commands.rotate(load_settings())


@users.command("create-admin")
def create_admin(
    email: Annotated[str, typer.Option(prompt=True)],
    username: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, confirmation_prompt=True, envvar="ADMIN_PASSWORD"
        ),
    ],
) -> None:
    """Open the first administrator's account."""
    from app.features.users import commands

    commands.create_admin(load_settings(), email=email, username=username, password=password)


@cli.command("import")
def import_items(
    file: Annotated[Path, typer.Argument(help="A CSV file of diamonds, gzip or plain.")],
    url: Annotated[
        str | None, typer.Option(help="Where the service runs, instead of PORT on this machine.")
    ] = None,
    username: Annotated[str, typer.Option(help="Who is to own the items.")] = "user",
    rejects: Annotated[Path, typer.Option(help="Where rows go that are not taken.")] = Path(
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
    from app.devtools.catalogue_import.importer import run_import

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


def main() -> None:
    """Run the command line; what the operator can mend ends in one sentence, not a traceback."""
    try:
        cli()
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
