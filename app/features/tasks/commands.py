"""Commands that list, retry and purge tasks."""

import uuid
from collections.abc import Sequence

from app.commands.output import print_rows
from app.commands.transaction import in_transaction
from app.config.settings import Settings
from app.features.background_jobs.models import TaskStatus
from app.features.tasks import crud as tasks

COLUMNS = ("id", "kind", "status", "attempts", "created_at", "request_id", "error")


def show(settings: Settings, status: str | None, limit: int, *, as_json: bool = False) -> None:
    """Print tasks, the newest first."""
    wanted = TaskStatus(status) if status else None
    found = in_transaction(settings, lambda uow: tasks.newest(uow, wanted, limit))
    rows = [[getattr(task, name) for name in COLUMNS] for task in found]
    print_rows(COLUMNS, rows, as_json=as_json)


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
