"""Queries of the tasks table for those who may see a task."""

import uuid

from sqlalchemy import bindparam, or_, select

from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.listing import Filters, Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.tasks.models import TaskRow
from app.jobs.models import Task
from app.security.principals import Principal

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
