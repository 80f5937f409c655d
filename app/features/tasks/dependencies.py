"""Dependencies of the task endpoints: load tasks visible to the caller, parse filters."""

import uuid
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from app.db.dependencies import Reads, UnitOfWorkDep
from app.db.listing import Filters
from app.features.background_jobs.models import Task, TaskStatus
from app.features.tasks import crud as tasks
from app.features.tasks.models import TaskRow
from app.features.tasks.schemas import EXAMPLE_ID, FAILED_EXAMPLE_ID
from app.features.tasks.settings import TaskSettings
from app.http.precondition_dependency import PreconditionDep
from app.http.problem_details import MESSAGES
from app.resources import resources_of
from app.security.authentication import CurrentPrincipal

TaskId = Annotated[uuid.UUID, Path(description="Id of the task.", examples=[EXAMPLE_ID])]
FailedTaskId = Annotated[
    uuid.UUID, Path(description="Id of the failed task.", examples=[FAILED_EXAMPLE_ID])
]
KIND = "^[a-z_]+$"
MESSAGES[KIND] = "Use lowercase letters and underscores"


async def get_task(task_id: TaskId, reads: Reads, principal: CurrentPrincipal) -> TaskRow:
    return await tasks.get(reads, task_id, viewer=principal)


async def get_task_for_change(
    task_id: TaskId, uow: UnitOfWorkDep, principal: CurrentPrincipal, precondition: PreconditionDep
) -> Task:
    task = await tasks.get_for_change(uow, task_id, viewer=principal)
    # Not required: each progress report creates a new version.
    precondition.check_if_sent(task)
    return task


async def get_task_to_retry(
    task_id: FailedTaskId,
    uow: UnitOfWorkDep,
    principal: CurrentPrincipal,
    precondition: PreconditionDep,
) -> Task:
    return await get_task_for_change(task_id, uow, principal, precondition)


async def require_task_capacity(
    request: Request, uow: UnitOfWorkDep, principal: CurrentPrincipal
) -> None:
    """Check that the caller may enqueue another task.

    Raises:
        TooManyTasks: the caller has as many unfinished tasks as allowed.
    """
    limit = resources_of(request)[TaskSettings].tasks_per_user
    await tasks.reject_too_many(uow, principal.id, limit=limit)


async def get_task_filters(
    status: Annotated[TaskStatus | None, Query(description="With this status.")] = None,
    kind: Annotated[
        str | None,
        Query(
            description="Of this job.",
            max_length=50,
            pattern=KIND,
            examples=["process_item"],
        ),
    ] = None,
) -> Filters:
    return {"status": status, "kind": kind}


# Must follow the dependency that authorizes the caller.
TaskCapacity = Annotated[None, Depends(require_task_capacity)]
ReadableTask = Annotated[TaskRow, Depends(get_task)]
OwnTask = Annotated[Task, Depends(get_task_for_change)]
TaskToRetry = Annotated[Task, Depends(get_task_to_retry)]
TaskFilters = Annotated[Filters, Depends(get_task_filters)]
