"""Commands for developers, whose implementations are imported when one runs."""

from typing import Annotated

import typer

from app.config.settings import load_settings
from app.devtools.new.project.cli import new_project  # feature: reference
from app.features import FEATURES

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(cli: typer.Typer, db: typer.Typer) -> None:
    for command in (doctor, routes, shell, openapi, remove):
        cli.command()(command)
    new = typer.Typer(no_args_is_help=True, help="Write code in the style of this project.")
    new.command("resource")(new_resource)
    new.command("project")(new_project)  # feature: reference
    cli.add_typer(new, name="new")
    db.command("revision")(revise_database)
    db.command("check")(check_database)
    db.command("reset")(reset_database)


def doctor(*, as_json: AsJson = False) -> None:
    """Check the installation: settings, port, database, clock, disk, permissions, certificates."""
    from app.devtools import doctor as diagnosis

    if not diagnosis.run(as_json=as_json):
        raise typer.Exit(1)


def routes(*, as_json: AsJson = False) -> None:
    """List the routes in the order in which they are tried."""
    from app.devtools import routes as table

    table.show(load_settings(), as_json=as_json)


def shell() -> None:
    """Start Python with `await`, the database and the models."""
    from app.devtools import shell as console

    console.run(load_settings())


def openapi(
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare only.")] = False,
    release: Annotated[
        bool,
        typer.Option("--release", help="Make it the release that later changes are compared with."),
    ] = False,
) -> None:
    """Write docs/openapi.json, or compare it with the code and the last release."""
    from app.devtools import openapi as document

    document.check() if check else document.write()
    if release:
        document.release()


def remove(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="None lists them.", autocompletion=lambda: FEATURES),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are optional.")] = False,
    with_dependents: Annotated[
        bool, typer.Option("--with-dependents", help="Remove those that require them, too.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Despite uncommitted changes.")] = False,
) -> None:
    """Delete optional features from this checkout: code, tests, migrations and settings."""
    from app.devtools.removal import command

    command.remove(
        set(names or ()), everything=everything, with_dependents=with_dependents, force=force
    )


def new_resource(
    name: Annotated[str, typer.Argument(help="The singular in snake case, such as invoice.")],
    fields: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD:TYPE...",
            help="Types: str, text, int, money, bool, date, datetime, uuid, json, enum(a,b), "
            "ref(feature); ? makes a field optional, [] a list of str, int, uuid or enum.",
        ),
    ],
    *,
    plural: Annotated[str, typer.Option(help="If it is irregular.")] = "",
    owned_by: Annotated[
        str,
        typer.Option(
            metavar="user",
            help="Rows belong to the user who creates them; the owner and administrators change "
            "them. Without it only administrators create and change rows. All roles read them.",
        ),
    ] = "",
    soft_delete: Annotated[
        bool, typer.Option("--soft-delete", help="Keep the rows that are deleted.")
    ] = False,
    no_delete: Annotated[bool, typer.Option("--no-delete", help="Without DELETE.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the files.")] = False,
) -> None:
    """Write a feature with one table: code, migration, tests, permissions and documents."""
    from app.devtools.new import command
    from app.devtools.new.arguments import Options

    options = Options(plural, owned_by, soft_delete=soft_delete, deletable=not no_delete)
    command.new_resource(name, fields, options, dry_run=dry_run)


def revise_database(message: str) -> None:
    """Write a migration from the difference between the models and the database."""
    from app.commands.database import owner_database
    from app.db import migrations

    with owner_database(load_settings()) as url:
        migrations.upgrade(url)
        migrations.revise(url, message)


def check_database() -> None:
    """Fail when the models are ahead of the migrations."""
    from app.devtools.database import check_migrations

    check_migrations()


def reset_database() -> None:
    """Delete the data of `make run`."""
    from app.devtools import database

    database.reset()
