"""Commands on accounts: creates the first administrator, which no API call can do."""

import asyncio

from pydantic import ValidationError

from app.commands.database import database
from app.config.settings import ConfigError, Settings
from app.db.engine import unit_of_work
from app.errors import AppError
from app.features.users.crud import users
from app.features.users.passwords import PasswordHasher, password_problem
from app.features.users.schemas import UserCreate
from app.security.principals import Role


def create_admin(settings: Settings, *, email: str, username: str, password: str) -> None:
    """Create an account with the role `admin`.

    Raises:
        ConfigError: the input is invalid, or the address or the name is taken.
    """
    try:
        data = UserCreate.model_validate(
            {"email": email, "username": username, "password": password, "role": Role.ADMIN}
        )
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigError(f"{first['loc'][0]}: {first['msg']}.") from None
    problem = password_problem(password, email=email, username=username)
    if problem:
        raise ConfigError(f"password: {problem.message}")
    with database(settings) as url:
        asyncio.run(store(settings.model_copy(update={"database_url": url}), data))
    print(f"{username} can sign in as administrator.")


async def store(settings: Settings, data: UserCreate) -> None:
    passwords = PasswordHasher(max_concurrency=1)
    try:
        password_hash = await passwords.hash(data.password.get_secret_value())
        async with unit_of_work(settings) as uow:
            await users.create(
                uow,
                data,
                password_hash=password_hash,
                role=Role.ADMIN,
                email_verified=True,
            )
    except AppError as error:
        raise ConfigError(error.detail) from error
    finally:
        passwords.close()
