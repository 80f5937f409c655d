"""Endpoints of tasks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import NotFound, PreconditionFailed
from app.features.tasks import crud as tasks
from app.features.tasks.dependencies import OwnTask, ReadableTask, TaskFilters, TaskToRetry
from app.features.tasks.errors import AlreadyFinished, NotFailed
from app.features.tasks.models import TaskRow
from app.features.tasks.schemas import TaskRead
from app.http.absolute_urls import path_of
from app.http.etag_response import etag_response
from app.http.pagination import Pagination, paginated
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import CurrentPrincipal

router = APIRouter(prefix="/tasks", tags=["tasks"], route_class=UnitOfWorkRoute)
TaskPagination = Annotated[Pagination, Depends(paginated(tasks.LISTING))]


@router.get("/{task_id}", response_model=TaskRead, responses=responses(NotFound))
async def read_task(task: ReadableTask, request: Request) -> Response:
    """Read the progress of your task."""
    return etag_response(request, TaskRead, task)


@router.get("", response_model=Page[TaskRead])
async def list_tasks(
    reads: Reads, principal: CurrentPrincipal, filters: TaskFilters, pagination: TaskPagination
) -> Response:
    """List your tasks, the newest first; administrators see those of all."""
    page = await tasks.list_page(reads, pagination.page, filters, viewer=principal)
    return pagination.respond(page, TaskRow)


@router.delete(
    "/{task_id}",
    status_code=204,
    response_class=Response,
    responses=responses(NotFound, PreconditionFailed, AlreadyFinished),
)
async def cancel_task(task: OwnTask, uow: UnitOfWorkDep) -> None:
    """Cancel your task; one that runs is stopped within seconds."""
    await tasks.cancel(uow, task)


@router.post(
    "/{task_id}/retry",
    response_model=TaskRead,
    status_code=202,
    responses=responses(NotFound, PreconditionFailed, NotFailed),
)
async def retry_task(task: TaskToRetry, uow: UnitOfWorkDep, request: Request) -> Response:
    """Retry your failed task."""
    location = path_of(request, "read_task", task_id=task.id)
    return etag_response(request, TaskRead, await tasks.retry(uow, task), location=location)
