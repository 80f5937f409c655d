"""Command line. Commands import their modules when they run, so that `--help` is fast."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from app.config.settings import ConfigError, load_settings
from app.features import find_modules

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
db = typer.Typer(no_args_is_help=True, help="Migrate, dump, restore and reset the database.")
cli.add_typer(db, name="db")
# Found by module name and not in `Feature`, whose import would load all routers.
for module in find_modules("cli"):
    module.register(cli, db)
if find_spec("app.devtools"):  # An image may leave it out.
    import_module("app.devtools.cli").register(cli, db)


@cli.command()
def run(
    port: Annotated[int | None, typer.Option(help="Port to listen on, instead of PORT.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes, instead of WORKERS.")] = None,
    host: Annotated[str | None, typer.Option(help="Address, instead of HOST.")] = None,
    *,
    reload: Annotated[bool, typer.Option(help="Restart when the code changes.")] = False,
) -> None:
    """Start the server, in development together with a PostgreSQL of its own."""
    given = {"port": port, "workers": workers, "host": host}
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    # Imported after the settings are validated, so that their errors appear at once.
    from app.commands import startup_checks

    startup_checks.check(settings)
    if reload:
        from app.devtools.reload import serve_with_reload

        serve_with_reload(settings)
    else:
        from app.commands.serve import run_processes, serve

        serve(settings, run_processes)


@db.command("upgrade")
def upgrade_database(revision: str = "head") -> None:
    """Upgrade the database to a revision; replicas may run this at the same time."""
    from app.commands.database import owner_database, upgrade

    settings = load_settings()
    with owner_database(settings) as url:
        upgrade(settings, url, revision)


@db.command("downgrade")
def downgrade_database(revision: str) -> None:
    """Downgrade the database to a revision."""
    from app.commands.database import owner_database
    from app.db import migrations

    with owner_database(load_settings()) as url:
        migrations.downgrade(url, revision)


def main() -> None:
    """Run the command line; a configuration error prints a sentence instead of a traceback."""
    try:
        cli()
    except ConfigError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
