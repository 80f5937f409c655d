"""Response schema of tasks."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.http.schemas import Stored
from app.jobs.models import TaskStatus


class TaskRead(Stored):
    """The status of a job; `result` and `error` are set after it has ended or failed."""

    kind: str = Field(max_length=50, examples=["process_item"])
    owner_id: uuid.UUID | None
    request_id: str = Field(max_length=128)
    status: TaskStatus
    attempts: Annotated[int, Field(ge=0, le=1000)]
    progress: Annotated[int, Field(ge=0, le=100)]
    result: dict[str, Any] | None
    error: Annotated[str, Field(max_length=500)] | None
    finished_at: datetime | None
