"""The port: what a job is, what it gets to work with, and how it is enqueued."""

import uuid
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from app.db.executor import ReadPool
from app.db.resources import DatabaseResources
from app.db.session import AsyncSession, Sessionmaker, transaction
from app.jobs import crud as tasks
from app.jobs.models import Task
from app.observability import metrics
from app.observability.request_context import request_id
from app.observability.tracing import current_traceparent
from app.resources import Resources
from app.runtime.ids import uuid7
from app.runtime.jitter import jitter

MAX_ATTEMPTS = 5
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 2.0, 3600.0


class PermanentFailure(Exception):
    """Another attempt would be in vain; the owner of the task is shown the text."""


class LeaseLost(Exception):
    """The attempt counts no more: the task was cancelled, or another worker took it over."""


class Work:
    """One attempt at a task, as the job sees it."""

    def __init__(self, resources: Resources, task_id: uuid.UUID, attempt: int) -> None:
        self.resources = resources
        self.task_id = task_id
        self.attempt = attempt
        self.result: dict[str, Any] | None = None
        self.is_complete = False

    @property
    def sessions(self) -> Sessionmaker:
        return self.resources[DatabaseResources].sessions

    @property
    def reads(self) -> ReadPool:
        return self.resources[DatabaseResources].reads

    async def report_progress(self, percent: int) -> None:
        """Show how far it is, 0 to 100.

        Raises:
            LeaseLost: the attempt counts no more.
        """
        async with transaction(self.sessions) as session:
            if not await tasks.report_progress(session, self.task_id, self.attempt, percent):
                raise LeaseLost

    @asynccontextmanager
    async def completion(self) -> AsyncIterator[AsyncSession]:
        """The transaction that finishes the task: what is written in it happens exactly once.

        Raises:
            LeaseLost: the attempt counts no more; nothing was written.
        """
        async with transaction(self.sessions) as session:
            yield session
            if not await tasks.succeed(session, self.task_id, self.attempt, self.result):
                raise LeaseLost
        self.is_complete = True


class Job(BaseModel):
    """What is to be done, and the values it needs: ids rather than rows, which may have changed.

    A job runs at least once. What it writes in `work.completion()` is written exactly once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    max_attempts: ClassVar[int] = MAX_ATTEMPTS
    timeout_seconds: ClassVar[float] = 60.0
    # How many times longer each pause is than the one before.
    growth: ClassVar[float] = 2

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "kind" in vars(cls):
            metrics.JOBS.labels(cls.kind, "failed")  # From 0 on: app/observability/metrics.py.

    @abstractmethod
    async def run(self, work: Work) -> None:
        """Do it. Whatever is raised leads to another attempt, except PermanentFailure."""

    @classmethod
    def delay_after(cls, attempt: int) -> timedelta:
        """The pause before the next attempt: exponential, with jitter."""
        longest = min(FIRST_DELAY_SECONDS * cls.growth ** (attempt - 1), LONGEST_DELAY_SECONDS)
        return timedelta(seconds=longest * jitter(0.5, 1))


async def enqueue(
    session: AsyncSession,
    job: Job,
    *,
    owner_id: uuid.UUID | None = None,
    key: str | None = None,
    delay: timedelta = timedelta(0),
) -> uuid.UUID:
    """Have the job done if the transaction commits; return the id of its task.

    While a task with the same `key` is unfinished, that one is returned and none is added.
    """
    task = Task(
        id=uuid7(),
        kind=job.kind,
        payload=job.model_dump(mode="json"),
        owner_id=owner_id,
        request_id=request_id.get() or uuid.uuid4().hex,
        traceparent=current_traceparent(),
        deduplication_key=key and f"{job.kind}:{key}",
    )
    return await tasks.create(session, task, delay=delay)
