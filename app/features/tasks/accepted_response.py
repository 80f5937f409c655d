"""Accepted response: 202 and the location of the task (RFC 9110, section 15.3.3)."""

import uuid

from fastapi import Request, Response

from app.db.unit_of_work import UnitOfWork
from app.features.tasks import crud as tasks
from app.features.tasks.schemas import TaskRead
from app.http.absolute_urls import path_of
from app.http.etag_response import etag_response


async def accepted_response(request: Request, uow: UnitOfWork, task_id: uuid.UUID) -> Response:
    """Return the enqueued task and its location; the route declares status 202."""
    location = path_of(request, "read_task", task_id=task_id)
    task = await tasks.get_enqueued(uow, task_id)
    return etag_response(request, TaskRead, task, location=location)
