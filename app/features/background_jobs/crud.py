"""Queries and changes of the tasks table. Flushes; never commits."""

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.executor import PoolReader
from app.db.unit_of_work import UnitOfWork
from app.features.background_jobs import queue
from app.features.background_jobs.models import IS_UNFINISHED, UNFINISHED, Task, TaskStatus
from app.runtime.clock import now

# Notification channel: workers cancel running tasks whose id they receive.
CHANNEL = "cancelled_tasks"
RETENTION = timedelta(days=7)
LOST_AFTER = timedelta(minutes=1)
NO_DELAY = timedelta(0)
# Columns that are set before the first attempt.
ENQUEUED = ("id", "kind", "payload", "owner_id", "request_id", "traceparent", "deduplication_key")


async def create(uow: UnitOfWork, task: Task, *, delay: timedelta = NO_DELAY) -> uuid.UUID:
    """Enqueue the task; return its id, or the id of an unfinished task with the same key."""
    fields = {name: getattr(task, name) for name in ENQUEUED}
    added: uuid.UUID | None = await uow.session.scalar(
        insert(Task)
        .values(**fields)
        .on_conflict_do_nothing(index_elements=["deduplication_key"], index_where=IS_UNFINISHED)
        .returning(Task.id)
    )
    if added is None:
        return await get_unfinished(uow, task.deduplication_key)
    await queue.push(uow, task.kind, added, delay=delay)
    return added


async def get_unfinished(uow: UnitOfWork, key: str | None) -> uuid.UUID:
    """Return the id of the task that conflicted with a new one by its key."""
    # Of any status: it may have ended since the conflict.
    is_same = Task.deduplication_key == key
    newest = select(Task.id).where(is_same).order_by(Task.created_at.desc()).limit(1)
    return (await uow.session.scalars(newest)).one()


async def begin(uow: UnitOfWork, task_id: uuid.UUID) -> Task | None:
    """Start an attempt; return None if the task has ended."""
    task: Task | None = await uow.session.scalar(
        select(Task).where(Task.id == task_id, Task.status.in_(UNFINISHED)).with_for_update()
    )
    if task:
        task.status = TaskStatus.RUNNING
        task.attempts += 1
        await uow.session.flush()
    return task


async def report_progress(uow: UnitOfWork, task_id: uuid.UUID, attempt: int, percent: int) -> bool:
    """Store the progress in percent; return False if the attempt has lost its lease."""
    return await update_attempt(uow, task_id, attempt, progress=percent)


async def succeed(
    uow: UnitOfWork, task_id: uuid.UUID, attempt: int, result: dict[str, Any] | None
) -> bool:
    """Finish the task; return False if the attempt has lost its lease."""
    done = {"status": TaskStatus.SUCCEEDED, "progress": 100, "finished_at": now()}
    return await update_attempt(uow, task_id, attempt, **done, result=result, error=None)


async def schedule_retry(uow: UnitOfWork, task_id: uuid.UUID, attempt: int, error: str) -> bool:
    """Requeue the task after a failed attempt; return False if it has lost its lease."""
    return await update_attempt(uow, task_id, attempt, status=TaskStatus.QUEUED, error=error)


async def requeue(uow: UnitOfWork, task_id: uuid.UUID, attempt: int) -> bool:
    """Requeue the task without counting the attempt; return False if it has lost its lease."""
    return await update_attempt(
        uow, task_id, attempt, status=TaskStatus.QUEUED, attempts=attempt - 1, progress=0
    )


async def fail(uow: UnitOfWork, task_id: uuid.UUID, attempt: int, error: str) -> bool:
    """Mark the task as failed for good; return False if the attempt has lost its lease."""
    ended = {"status": TaskStatus.FAILED, "finished_at": now()}
    return await update_attempt(uow, task_id, attempt, **ended, error=error)


async def update_attempt(uow: UnitOfWork, task_id: uuid.UUID, attempt: int, **fields: Any) -> bool:
    changed = await uow.session.scalar(
        update(Task)
        .where(Task.id == task_id, Task.attempts == attempt, Task.status == TaskStatus.RUNNING)
        .values(**fields, version=Task.version + 1, updated_at=func.now())
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


async def requeue_lost(uow: UnitOfWork) -> int:
    """Enqueue unfinished tasks that are missing from the queue; return their number."""
    lost = await uow.session.execute(
        select(Task.id, Task.kind)
        .where(Task.status.in_(UNFINISHED), Task.updated_at < func.now() - LOST_AFTER)
        .where(queue.is_missing(Task.id))
        .with_for_update(skip_locked=True)
    )
    tasks = lost.all()
    for task_id, kind in tasks:
        await queue.push(uow, kind, task_id, delay=NO_DELAY)
    return len(tasks)


async def waiting(reads: PoolReader) -> tuple[int, float]:
    """Return the number of due tasks, and the age of the oldest in seconds."""
    row = await reads.first(queue.DUE)
    return (row["waiting"], row["oldest_seconds"]) if row else (0, 0.0)


async def delete_old(uow: UnitOfWork) -> None:
    """Delete tasks that ended before the retention time; failed ones stay for an operator."""
    is_over = Task.status.in_([TaskStatus.SUCCEEDED, TaskStatus.CANCELLED])
    await uow.session.execute(
        delete(Task).where(is_over, Task.finished_at < func.now() - RETENTION)
    )
    await queue.delete_old_log(uow, RETENTION)
