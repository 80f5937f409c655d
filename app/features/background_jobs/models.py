"""Background tasks: one row per job."""

import enum
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Versioned, text_enum


class TaskStatus(enum.StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (TaskStatus.QUEUED, TaskStatus.RUNNING)
IS_UNFINISHED = text("status IN ('queued', 'running')")


class Task(Versioned, Base):
    """One job, inserted in the transaction of the change that causes it.

    `attempts` counts the starts and identifies the current one: a worker finishes a task by the
    number of its attempt, so that of two workers at the same task only one has an effect.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress_is_bounded"),
        Index(
            "uq_tasks_deduplication_key",
            "deduplication_key",
            unique=True,
            postgresql_where=IS_UNFINISHED,
        ),
        Index("ix_tasks_owner_id", "owner_id", "created_at", "id"),
        Index("ix_tasks_created_at", "created_at", "id"),
        Index("ix_tasks_status", "status", "created_at", "id"),
    )

    kind: Mapped[str] = mapped_column(String(50))
    payload: Mapped[dict[str, Any]]
    # Without a foreign key: the kernel needs no table of users.
    owner_id: Mapped[uuid.UUID | None]
    request_id: Mapped[str] = mapped_column(String(128))
    # The trace in which it was enqueued (W3C Trace Context, section 3.2).
    traceparent: Mapped[str | None] = mapped_column(String(55))
    deduplication_key: Mapped[str | None] = mapped_column(String(200))
    status: Mapped[TaskStatus] = mapped_column(
        text_enum(TaskStatus), server_default=TaskStatus.QUEUED.value
    )
    attempts: Mapped[int] = mapped_column(server_default="0")
    progress: Mapped[int] = mapped_column(server_default="0")
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(String(500))
    finished_at: Mapped[datetime | None]
