"""Commands on accounts. Each is one transaction, and has the effects of the API call."""

from typing import Any, TypeVar

from pydantic import ValidationError

from app.commands.output import print_rows
from app.commands.transaction import in_transaction
from app.config.settings import ConfigError, Settings
from app.db.unit_of_work import UnitOfWork
from app.errors import NotFound
from app.features.users.crud import credentials, logins, users
from app.features.users.models.user import User
from app.features.users.passwords import PasswordHasher, password_problem
from app.features.users.schemas import Password, UserCreate, UserUpdate
from app.features.users.signals import RevocationReason
from app.http.problem_details import message
from app.http.schemas import RequestModel
from app.security.principals import Role

Schema = TypeVar("Schema", bound=RequestModel)
COLUMNS = ("id", "username", "email", "role", "is_active", "email_verified", "created_at")


class NewPassword(RequestModel):
    password: Password


def show(settings: Settings, role: str | None, *, as_json: bool = False) -> None:
    """Print all accounts, the newest first."""
    wanted = Role(role) if role else None
    found = in_transaction(settings, lambda uow: users.newest(uow, wanted))
    rows = [[getattr(user, name) for name in COLUMNS] for user in found]
    print_rows(COLUMNS, rows, as_json=as_json)


def create(settings: Settings, *, email: str, username: str, password: str, role: str) -> None:
    """Create an account.

    Raises:
        ConfigError: the input is invalid, or the address or the name is taken.
    """
    given = {"email": email, "username": username, "password": password, "role": role}
    data = validated(UserCreate, given)
    reject_weak(password, email=email, username=username)

    async def store(uow: UnitOfWork) -> None:
        password_hash = await hashed(password)
        await users.create(
            uow, data, password_hash=password_hash, role=data.role, email_verified=True
        )

    in_transaction(settings, store)
    print(f"Created {username} with the role {role}.")


def create_admin(settings: Settings, *, email: str, username: str, password: str) -> None:
    """Create the account of an administrator; raises as `create`."""
    create(settings, email=email, username=username, password=password, role=Role.ADMIN)


def administer(settings: Settings, account: str, **changes: Any) -> None:
    """Change role or activity of an account, and end what the change does not permit any more.

    Raises:
        ConfigError: there is no such account, or no active administrator would be left.
    """
    data = UserUpdate.model_validate(changes)

    async def change(uow: UnitOfWork) -> None:
        user = await get_for_change(uow, account)
        if await users.administer(uow, user, data):
            await credentials.end_for_change(uow, user)

    in_transaction(settings, change)
    print(f"Changed {account}.")


def reset_password(settings: Settings, account: str, password: str) -> None:
    """Set a new password and revoke all credentials.

    Raises:
        ConfigError: there is no such account, or the password is invalid.
    """
    validated(NewPassword, {"password": password})

    async def change(uow: UnitOfWork) -> None:
        user = await get_for_change(uow, account)
        reject_weak(password, email=user.email, username=user.username)
        await users.set_password(uow, user, await hashed(password))
        await credentials.revoke_all(uow, user.id, RevocationReason.PASSWORD_RESET)

    in_transaction(settings, change)
    print(f"Changed the password of {account}.")


async def get_for_change(uow: UnitOfWork, account: str) -> User:
    try:
        return await logins.get_for_change(uow, account)
    except NotFound:
        missing = f"There is no such user: {account}. `app users list` shows all of them."
        raise ConfigError(missing) from None


def validated(schema: type[Schema], given: dict[str, Any]) -> Schema:
    try:
        return schema.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigError(f"{first['loc'][0]}: {message(first)}.") from None


def reject_weak(password: str, *, email: str, username: str) -> None:
    problem = password_problem(password, email=email, username=username)
    if problem:
        raise ConfigError(f"password: {problem.message}")


async def hashed(password: str) -> str:
    passwords = PasswordHasher(max_concurrency=1)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
