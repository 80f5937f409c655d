"""Response schema of tasks."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from app.features.background_jobs.models import TaskStatus
from app.http.schemas import Stored

# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000008001"
FAILED_EXAMPLE_ID = "01900000-0000-7000-8000-000000008002"


class TaskRead(Stored):
    """The status of a job; `result` and `error` are set after it has ended or failed."""

    kind: str = Field(max_length=50, examples=["process_item"])
    """Name of the job."""
    owner_id: uuid.UUID | None
    """Id of the user who requested the task, or null for the service itself."""
    request_id: str = Field(max_length=128, examples=["5f0c6f1e8f7b4a1c9d3e2b7a6c5d4e3f"])
    """`X-Request-ID` of the request that enqueued the task."""
    status: TaskStatus
    """Progress of the task; `succeeded`, `failed` and `cancelled` are final."""
    attempts: Annotated[int, Field(ge=0, le=1000, examples=[1])]
    """Number of attempts so far; a failed one is repeated with a growing delay."""
    progress: Annotated[int, Field(ge=0, le=100, examples=[50])]
    """Progress in percent."""
    result: Annotated[dict[str, Any] | None, Field(examples=[None])]
    """Result of a task that succeeded, otherwise null."""
    error: Annotated[str | None, Field(max_length=500, examples=[None])]
    """Reason of the last failed attempt, or null."""
    finished_at: datetime | None
    """Time at which the task ended, or null."""
