"""Command group `app users`; the implementation is imported when a command runs."""

import enum
from typing import Annotated

import typer

from app.config.settings import load_settings

users = typer.Typer(no_args_is_help=True, help="Accounts.")

Account = Annotated[str, typer.Argument(help="E-mail address or username.")]
Email = Annotated[str, typer.Option(prompt=True)]
Username = Annotated[str, typer.Option(prompt=True)]


NewPassword = Annotated[
    str,
    typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, envvar="USER_PASSWORD"),
]


class Role(enum.StrEnum):
    """As in app/security/principals.py, which is slow to import."""

    ADMIN = "admin"
    USER = "user"
    GUEST = "guest"


def register(cli: typer.Typer, _: typer.Typer) -> None:
    cli.add_typer(users, name="users")


@users.command("list")
def list_users(
    role: Annotated[Role | None, typer.Option(help="Only accounts with this role.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List accounts, the newest first."""
    from app.features.users import commands

    commands.show(load_settings(), role, as_json=as_json)


@users.command("create")
def create(email: Email, username: Username, password: NewPassword, role: Role = Role.USER) -> None:
    """Create an account; its e-mail address counts as confirmed."""
    from app.features.users import commands

    commands.create(load_settings(), email=email, username=username, password=password, role=role)


@users.command("create-admin")
def create_admin(
    email: Email,
    username: Username,
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


@users.command("set-role")
def set_role(account: Account, role: Role) -> None:
    """Change the role of an account, which ends its sessions."""
    from app.features.users import commands

    commands.administer(load_settings(), account, role=role)


@users.command("disable")
def disable(account: Account) -> None:
    """Disable an account, and end everything that gives access to it."""
    from app.features.users import commands

    commands.administer(load_settings(), account, is_active=False)


@users.command("enable")
def enable(account: Account) -> None:
    """Enable a disabled account."""
    from app.features.users import commands

    commands.administer(load_settings(), account, is_active=True)


@users.command("reset-password")
def reset_password(account: Account, password: NewPassword) -> None:
    """Set a new password, and end everything that gives access to the account."""
    from app.features.users import commands

    commands.reset_password(load_settings(), account, password)
