"""Queries of the tasks table, and the changes that users and operators make."""

import uuid
from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import bindparam, delete, func, or_, select, update

from app.db.errors import UniqueViolation
from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.listing import Filters, Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import Conflict, found
from app.features.background_jobs import crud as jobs
from app.features.background_jobs import queue
from app.features.background_jobs.models import UNFINISHED, Task, TaskStatus
from app.features.tasks.errors import AlreadyFinished, NotFailed, TooManyTasks
from app.features.tasks.models import TaskRow
from app.runtime.clock import now
from app.security.principals import Principal

RETRY_SECONDS = 10
COLUMNS = columns_of(Task, TaskRow)
IS_VISIBLE = or_(bindparam("sees_all"), Task.owner_id == bindparam("viewer_id"))

BY_ID = CompiledStatement[TaskRow](select(*COLUMNS).where(Task.id == bindparam("id"), IS_VISIBLE))

LISTING = Listing[TaskRow](
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


async def get(reads: PoolReader, task_id: uuid.UUID, *, viewer: Principal) -> TaskRow:
    """Return the task as a row.

    Raises:
        NotFound: there is none, or it belongs to another user.
    """
    return found(await reads.first(BY_ID, id=task_id, **viewer.as_viewer()), "task")


async def list_page(
    reads: PoolReader, request: PageRequest, filters: Filters, *, viewer: Principal
) -> PageRows[TaskRow]:
    """Return one page of the matching tasks that are visible to the viewer."""
    return await LISTING.page(reads, request, {**filters, **viewer.as_viewer()})


async def get_for_change(uow: UnitOfWork, task_id: uuid.UUID, *, viewer: Principal) -> Task:
    """Return the task, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it belongs to another user.
    """
    statement = select(Task).where(Task.id == task_id, IS_VISIBLE).with_for_update()
    return found(await uow.session.scalar(statement, viewer.as_viewer()), "task")


async def reject_too_many(uow: UnitOfWork, owner_id: uuid.UUID, *, limit: int) -> None:
    """Limit the unfinished tasks of one owner.

    Raises:
        TooManyTasks: none of the owner's newest `limit` tasks has ended.
    """
    of_owner = select(Task.status).where(Task.owner_id == owner_id)
    newest_first = of_owner.order_by(Task.created_at.desc(), Task.id.desc()).limit(limit).subquery()
    unfinished = select(func.count()).where(newest_first.c.status.in_(UNFINISHED))
    if (await uow.session.scalar(unfinished) or 0) >= limit:
        raise TooManyTasks(f"At most {limit} unfinished tasks.", retry_after_seconds=RETRY_SECONDS)


async def get_enqueued(uow: UnitOfWork, task_id: uuid.UUID) -> Task:
    """Return a task whose id `create` returned in this transaction."""
    return await uow.session.get_one(Task, task_id)


async def cancel(uow: UnitOfWork, task: Task) -> None:
    """Cancel the task; transactions that it has already committed remain.

    Raises:
        AlreadyFinished: the task has ended.
    """
    if task.status not in UNFINISHED:
        raise AlreadyFinished
    task.status = TaskStatus.CANCELLED
    task.finished_at = now()
    await uow.session.flush()
    await uow.notify(jobs.CHANNEL, str(task.id))


async def cancel_all(uow: UnitOfWork, owner_id: uuid.UUID) -> None:
    """Cancel the unfinished tasks of one owner."""
    is_own = Task.owner_id == owner_id
    running = select(Task.id).where(is_own, Task.status == TaskStatus.RUNNING)
    for task_id in (await uow.session.scalars(running)).all():
        await uow.notify(jobs.CHANNEL, str(task_id))
    # In one statement: there may be as many as `TASKS_PER_USER` permits.
    await uow.session.execute(
        update(Task)
        .where(is_own, Task.status.in_(UNFINISHED))
        .values(status=TaskStatus.CANCELLED, finished_at=func.now())
        .values(version=Task.version + 1, updated_at=func.now())
        .execution_options(synchronize_session=False)
    )


async def retry_failed(uow: UnitOfWork, ids: Sequence[uuid.UUID]) -> tuple[int, int]:
    """Enqueue failed tasks again, newest first; all of them if no ids are given.

    Returns:
        How many were enqueued, and how many stay failed because of an unfinished duplicate.
    """
    selected = Task.id.in_(ids) if ids else Task.status == TaskStatus.FAILED
    statement = (
        select(Task)
        .where(selected, Task.status == TaskStatus.FAILED)
        .order_by(Task.created_at.desc(), Task.id.desc())
        .with_for_update(skip_locked=True)
    )
    failed, retried = (await uow.session.scalars(statement)).all(), 0
    for task in failed:
        with suppress(Conflict):
            await retry(uow, task)
            retried += 1
    return retried, len(failed) - retried


async def retry(uow: UnitOfWork, task: Task) -> Task:
    """Enqueue a failed task again.

    Raises:
        NotFailed: the task is unfinished, succeeded or was cancelled.
        Conflict: an unfinished task has the same key.
    """
    try:
        # A conflict of one task must not roll back the other retries.
        async with uow.session.begin_nested():
            reset(task)
    except UniqueViolation as error:
        raise Conflict("An unfinished task with the same key exists.") from error
    await queue.push(uow, task.kind, task.id, delay=jobs.NO_DELAY)
    return task


async def newest(uow: UnitOfWork, status: TaskStatus | None, limit: int) -> Sequence[Task]:
    statement = select(Task).order_by(Task.created_at.desc(), Task.id.desc()).limit(limit)
    if status:
        statement = statement.where(Task.status == status)
    return (await uow.session.scalars(statement)).all()


async def purge(uow: UnitOfWork, status: TaskStatus) -> int:
    """Delete every task with the status; return their number."""
    deleted = await uow.session.scalars(
        delete(Task).where(Task.status == status).returning(Task.id)
    )
    return len(deleted.all())


def reset(task: Task) -> None:
    """Return a failed task to the initial status.

    Raises:
        NotFailed: the task is unfinished, succeeded or was cancelled.
    """
    if task.status is not TaskStatus.FAILED:
        raise NotFailed
    task.status, task.finished_at = TaskStatus.QUEUED, None
    task.attempts, task.progress = 0, 0
