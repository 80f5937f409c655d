"""Rows of tasks as their owners see them; the table belongs to background_jobs."""

import uuid
from datetime import datetime
from typing import Any

from app.db.base import VersionedRow
from app.features.background_jobs.models import TaskStatus


class TaskRow(VersionedRow):
    kind: str
    owner_id: uuid.UUID | None
    request_id: str
    status: TaskStatus
    attempts: int
    progress: int
    result: dict[str, Any] | None
    error: str | None
    finished_at: datetime | None
