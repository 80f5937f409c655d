"""Transactions of commands."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.commands.database import database
from app.config.settings import ConfigError, Settings
from app.db.engine import unit_of_work
from app.db.errors import DatabaseUnavailable
from app.db.unit_of_work import UnitOfWork
from app.errors import AppError
from app.feature import load_features

T = TypeVar("T")


def in_transaction(settings: Settings, act: Callable[[UnitOfWork], Awaitable[T]]) -> T:
    """Run the function in a transaction, with the receivers of signals, and return its result.

    Raises:
        ConfigError: the database is unreachable, or the function raised an error of the service.
    """

    async def run(database_url: str) -> T:
        opened = settings.model_copy(update={"database_url": database_url})
        async with unit_of_work(opened, load_features().signals) as uow:
            return await act(uow)

    try:
        with database(settings) as url:
            return asyncio.run(run(url))
    except DatabaseUnavailable as error:
        remedy = "check DATABASE_URL, and run `app db upgrade` if it was never migrated."
        raise ConfigError(f"The database cannot be used: {remedy}") from error
    except AppError as error:
        raise ConfigError(error.detail) from error
