"""Commands that list, retry and purge tasks."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from app.commands.database import database
from app.config.settings import ConfigError, Settings
from app.db.engine import unit_of_work
from app.db.unit_of_work import UnitOfWork
from app.errors import AppError
from app.features.tasks import crud as tasks
from app.jobs.models import TaskStatus

COLUMNS = ("id", "kind", "status", "attempts", "created_at", "request_id", "error")
Found = TypeVar("Found")


def show(settings: Settings, status: str | None, limit: int) -> None:
    """Print tasks, the newest first."""
    wanted = TaskStatus(status) if status else None
    found = in_transaction(settings, lambda uow: tasks.newest(uow, wanted, limit))
    print("\t".join(COLUMNS))
    for task in found:
        print("\t".join(cell(getattr(task, name)) for name in COLUMNS))


def cell(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return "" if value is None else str(value)


def retry(settings: Settings, task_ids: Sequence[uuid.UUID]) -> None:
    """Enqueue failed tasks again, all of them without ids."""
    count, left = in_transaction(settings, lambda uow: tasks.retry_failed(uow, task_ids))
    print(f"Enqueued again: {count}.")
    if left:
        print(f"Not enqueued, because an unfinished task has the same key: {left}.")


def purge(settings: Settings, status: str) -> None:
    """Delete the tasks with this final status."""
    count = in_transaction(settings, lambda uow: tasks.purge(uow, TaskStatus(status)))
    print(f"Deleted: {count}.")


def in_transaction(settings: Settings, act: Callable[[UnitOfWork], Awaitable[Found]]) -> Found:
    """Run the function in a transaction and return its result.

    Raises:
        ConfigError: the database is unreachable.
    """
    with database(settings) as url:
        return asyncio.run(act_on(settings.model_copy(update={"database_url": url}), act))


async def act_on(settings: Settings, act: Callable[[UnitOfWork], Awaitable[Found]]) -> Found:
    try:
        async with unit_of_work(settings) as uow:
            return await act(uow)
    except AppError as error:
        raise ConfigError(error.detail) from error
