"""Command group `app users`; the implementation is imported when a command runs."""

from typing import Annotated

import typer

from app.config.settings import load_settings

users = typer.Typer(no_args_is_help=True, help="Accounts.")


def register(cli: typer.Typer, _: typer.Typer) -> None:
    cli.add_typer(users, name="users")


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
    """Create the account of the first administrator."""
    from app.features.users import commands

    commands.create_admin(load_settings(), email=email, username=username, password=password)
