"""The tasks table, seen as a collection. Flushes; never commits."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.errors import UniqueViolation
from app.db.executor import Query, ReadPool, Row
from app.db.listing import Listing, PageRequest, PageRows
from app.db.session import AsyncSession, notify
from app.errors import Conflict, found
from app.jobs import pgqueuer as queue
from app.jobs.models import IS_UNFINISHED, UNFINISHED, Task, TaskStatus, TooManyTasks
from app.jobs.schemas import TaskRead
from app.runtime.clock import now
from app.security.principals import Principal

# Workers listen here for tasks that were cancelled while they run.
CHANNEL = "cancelled_tasks"
KEPT = timedelta(days=7)
LOST_AFTER = timedelta(minutes=1)
AT_ONCE = timedelta(0)
RETRY_SECONDS = 10
# What is known of a task before its first attempt.
ENQUEUED = ("id", "kind", "payload", "owner_id", "request_id", "traceparent", "deduplication_key")

COLUMNS = [getattr(Task, name) for name in TaskRead.model_fields]
IS_VISIBLE = or_(bindparam("sees_all"), Task.owner_id == bindparam("viewer_id"))

BY_ID = Query(select(*COLUMNS).where(Task.id == bindparam("id"), IS_VISIBLE))

LISTING = Listing(
    COLUMNS,
    where=[IS_VISIBLE],
    filters={
        "status": lambda: Task.status == bindparam("status"),
        "kind": lambda: Task.kind == bindparam("kind"),
    },
    sorts={"created_at": Task.created_at},
    default_sort=("-created_at",),
    key=Task.id,
)


async def get(reads: ReadPool, task_id: uuid.UUID, *, viewer: Principal) -> Row:
    """Return the task as a row.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    return found(await reads.first(BY_ID, id=task_id, **viewer.as_viewer()), "task")


async def list_page(
    reads: ReadPool, request: PageRequest, filters: Mapping[str, Any], *, viewer: Principal
) -> PageRows:
    """Return one page of the tasks that match and that the viewer may see."""
    return await LISTING.page(reads, request, {**filters, **viewer.as_viewer()})


async def get_for_change(session: AsyncSession, task_id: uuid.UUID, *, viewer: Principal) -> Task:
    """Return the task, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it is somebody else's.
    """
    statement = select(Task).where(Task.id == task_id, IS_VISIBLE).with_for_update()
    return found(await session.scalar(statement, viewer.as_viewer()), "task")


async def create(session: AsyncSession, task: Task, *, delay: timedelta = AT_ONCE) -> uuid.UUID:
    """Enqueue the task; return its id, or that of the unfinished one with the same key."""
    fields = {name: getattr(task, name) for name in ENQUEUED}
    added: uuid.UUID | None = await session.scalar(
        insert(Task)
        .values(**fields)
        .on_conflict_do_nothing(index_elements=["deduplication_key"], index_where=IS_UNFINISHED)
        .returning(Task.id)
    )
    if added is None:
        return await get_unfinished(session, task.deduplication_key)
    await queue.push(session, task.kind, added, delay=delay)
    return added


async def refuse_too_many(session: AsyncSession, owner_id: uuid.UUID, *, most: int) -> None:
    """Raises TooManyTasks: none of the owner's newest `most` tasks has ended."""
    of_owner = select(Task.status).where(Task.owner_id == owner_id)
    newest_first = of_owner.order_by(Task.created_at.desc(), Task.id.desc()).limit(most).subquery()
    unfinished = select(func.count()).where(newest_first.c.status.in_(UNFINISHED))
    if (await session.scalar(unfinished) or 0) >= most:
        raise TooManyTasks(f"At most {most} unfinished tasks.", retry_after_seconds=RETRY_SECONDS)


async def get_enqueued(session: AsyncSession, task_id: uuid.UUID) -> Task:
    """Return a task that `create` named in this transaction."""
    return await session.get_one(Task, task_id)


async def get_unfinished(session: AsyncSession, key: str | None) -> uuid.UUID:
    """Return the id of the task that was in the way of another with its key."""
    # Not only an unfinished one: it may have ended since.
    is_same = Task.deduplication_key == key
    newest = select(Task.id).where(is_same).order_by(Task.created_at.desc()).limit(1)
    return (await session.scalars(newest)).one()


async def begin(session: AsyncSession, task_id: uuid.UUID) -> Task | None:
    """Start an attempt; None when there is nothing left to do."""
    task: Task | None = await session.scalar(
        select(Task).where(Task.id == task_id, Task.status.in_(UNFINISHED)).with_for_update()
    )
    if task:
        task.status = TaskStatus.RUNNING
        task.attempts += 1
        await session.flush()
    return task


async def report_progress(
    session: AsyncSession, task_id: uuid.UUID, attempt: int, percent: int
) -> bool:
    """Say how far the attempt is; False when it is not the one that counts any more."""
    return await change(session, task_id, attempt, progress=percent)


async def succeed(
    session: AsyncSession, task_id: uuid.UUID, attempt: int, result: dict[str, Any] | None
) -> bool:
    """Finish the task; False when the attempt is not the one that counts any more."""
    done = {"status": TaskStatus.SUCCEEDED, "progress": 100, "finished_at": now()}
    return await change(session, task_id, attempt, **done, result=result, error=None)


async def wait(session: AsyncSession, task_id: uuid.UUID, attempt: int, error: str) -> bool:
    """Put the task back after an attempt that failed."""
    return await change(session, task_id, attempt, status=TaskStatus.QUEUED, error=error)


async def requeue(session: AsyncSession, task_id: uuid.UUID, attempt: int) -> bool:
    """Put the task back as if the attempt had not been."""
    return await change(
        session, task_id, attempt, status=TaskStatus.QUEUED, attempts=attempt - 1, progress=0
    )


async def fail(session: AsyncSession, task_id: uuid.UUID, attempt: int, error: str) -> bool:
    """Give the task up."""
    ended = {"status": TaskStatus.FAILED, "finished_at": now()}
    return await change(session, task_id, attempt, **ended, error=error)


async def change(session: AsyncSession, task_id: uuid.UUID, attempt: int, **fields: Any) -> bool:
    changed = await session.scalar(
        update(Task)
        .where(Task.id == task_id, Task.attempts == attempt, Task.status == TaskStatus.RUNNING)
        .values(**fields, version=Task.version + 1, updated_at=func.now())
        .returning(Task.id)
        .execution_options(synchronize_session=False)
    )
    return changed is not None


async def cancel(session: AsyncSession, task: Task) -> None:
    """Cancel the task; what it did in a transaction of its own before stays.

    Raises:
        AlreadyFinished: it has come to an end.
    """
    task.check_unfinished()
    task.status = TaskStatus.CANCELLED
    task.finished_at = now()
    await session.flush()
    await notify(session, CHANNEL, str(task.id))


async def retry_failed(session: AsyncSession, ids: Sequence[uuid.UUID]) -> tuple[int, int]:
    """Enqueue failed tasks once more, the newest first, all of them when no ids are given.

    Returns how many, and how many stay failed because another task does the same.
    """
    chosen = Task.id.in_(ids) if ids else Task.status == TaskStatus.FAILED
    statement = (
        select(Task)
        .where(chosen, Task.status == TaskStatus.FAILED)
        .order_by(Task.created_at.desc(), Task.id.desc())
        .with_for_update(skip_locked=True)
    )
    failed, retried = (await session.scalars(statement)).all(), 0
    for task in failed:
        with suppress(Conflict):
            await retry(session, task)
            retried += 1
    return retried, len(failed) - retried


async def retry(session: AsyncSession, task: Task) -> Task:
    """Enqueue a failed task once more.

    Raises:
        NotFailed: it goes on, or has come to another end.
        Conflict: another task does the same already.
    """
    try:
        # A conflict of one must not take back what else is retried.
        async with session.begin_nested():
            task.begin_again()
    except UniqueViolation as error:
        raise Conflict("Another task does the same already.") from error
    await queue.push(session, task.kind, task.id, delay=AT_ONCE)
    return task


async def requeue_lost(session: AsyncSession) -> int:
    """Enqueue what is unfinished and yet in no queue; return how many there were."""
    lost = await session.execute(
        select(Task.id, Task.kind)
        .where(Task.status.in_(UNFINISHED), Task.updated_at < func.now() - LOST_AFTER)
        .where(queue.has_forgotten(Task.id))
        .with_for_update(skip_locked=True)
    )
    tasks = lost.all()
    for task_id, kind in tasks:
        await queue.push(session, kind, task_id, delay=AT_ONCE)
    return len(tasks)


async def waiting(reads: ReadPool) -> tuple[int, float]:
    """How many tasks are due, and for how many seconds the oldest of them has been."""
    row = await reads.first(queue.DUE)
    return (row["waiting"], row["oldest_seconds"]) if row else (0, 0.0)


async def newest(session: AsyncSession, status: TaskStatus | None, limit: int) -> Sequence[Task]:
    statement = select(Task).order_by(Task.created_at.desc(), Task.id.desc()).limit(limit)
    if status:
        statement = statement.where(Task.status == status)
    return (await session.scalars(statement)).all()


async def purge(session: AsyncSession, status: TaskStatus) -> int:
    """Delete every task that ended so; return how many there were."""
    gone = await session.scalars(delete(Task).where(Task.status == status).returning(Task.id))
    return len(gone.all())


async def delete_old(session: AsyncSession) -> None:
    """Delete what ended long ago; failed tasks stay until somebody has looked at them."""
    is_over = Task.status.in_([TaskStatus.SUCCEEDED, TaskStatus.CANCELLED])
    await session.execute(delete(Task).where(is_over, Task.finished_at < func.now() - KEPT))
    await queue.delete_old_log(session, KEPT)
