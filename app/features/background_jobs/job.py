"""Interface of jobs: the job class, its execution context, and enqueueing."""

import uuid
from abc import abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from app.db.executor import PoolReader
from app.db.resources import DatabaseResources
from app.db.unit_of_work import UnitOfWork, UnitOfWorkFactory
from app.errors import NotFound
from app.features.background_jobs import crud as tasks
from app.features.background_jobs.models import Task
from app.observability import metrics
from app.observability.request_context import request_id
from app.observability.tracing import Tracing
from app.resources import Resources
from app.runtime.ids import uuid7
from app.runtime.jitter import jitter

MAX_ATTEMPTS = 5
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 2.0, 3600.0


class PermanentFailure(Exception):
    """A failure that a retry cannot fix; its text is visible to the owner of the task."""

    @classmethod
    @contextmanager
    def if_not_found(cls, reason: str) -> Iterator[None]:
        """Fail for this reason if the block raises NotFound."""
        try:
            yield
        except NotFound as error:
            raise cls(reason) from error


class LeaseLost(Exception):
    """The attempt lost the task, which was cancelled or taken over by another worker."""


class JobContext:
    """Execution context of a job: one attempt at a task."""

    def __init__(self, resources: Resources, task_id: uuid.UUID, attempt: int) -> None:
        self.resources = resources
        self.task_id = task_id
        self.attempt = attempt
        self.result: dict[str, Any] | None = None
        self.is_complete = False

    @property
    def units_of_work(self) -> UnitOfWorkFactory:
        return self.resources[DatabaseResources].units_of_work

    @property
    def reads(self) -> PoolReader:
        return self.resources[DatabaseResources].reads

    async def report_progress(self, percent: int) -> None:
        """Store the progress, 0 to 100.

        Raises:
            LeaseLost: the task was cancelled or taken over.
        """
        async with self.units_of_work.begin() as uow:
            if not await tasks.report_progress(uow, self.task_id, self.attempt, percent):
                raise LeaseLost

    @asynccontextmanager
    async def completion(self) -> AsyncIterator[UnitOfWork]:
        """Open the transaction that finishes the task: its writes are committed exactly once.

        Raises:
            LeaseLost: the task was cancelled or taken over; nothing was written.
        """
        async with self.units_of_work.begin() as uow:
            yield uow
            if not await tasks.succeed(uow, self.task_id, self.attempt, self.result):
                raise LeaseLost
        self.is_complete = True


class Job(BaseModel):
    """Base class of jobs. Fields are the payload: ids rather than rows, which may change.

    A job runs at least once. Its writes in `context.completion()` are committed exactly once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    max_attempts: ClassVar[int] = MAX_ATTEMPTS
    timeout_seconds: ClassVar[float] = 60.0
    # Factor by which each delay exceeds the previous one.
    growth: ClassVar[float] = 2

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if "kind" in vars(cls):
            metrics.JOBS.labels(cls.kind, "failed")  # From 0 on: app/observability/metrics.py.

    @abstractmethod
    async def run(self, context: JobContext) -> None:
        """Run the job. Every exception except PermanentFailure leads to a retry."""

    @classmethod
    def delay_after(cls, attempt: int) -> timedelta:
        """Return the delay before the next attempt: exponential, with jitter."""
        longest = min(FIRST_DELAY_SECONDS * cls.growth ** (attempt - 1), LONGEST_DELAY_SECONDS)
        return timedelta(seconds=longest * jitter(0.5, 1))


async def enqueue(
    uow: UnitOfWork,
    job: Job,
    *,
    owner_id: uuid.UUID | None = None,
    key: str | None = None,
    delay: timedelta = timedelta(0),
) -> uuid.UUID:
    """Enqueue the job if the transaction commits; return the id of its task.

    While a task with the same `key` is unfinished, none is added and the id of that one returned.
    """
    task = Task(
        id=uuid7(),
        kind=job.kind,
        payload=job.model_dump(mode="json"),
        owner_id=owner_id,
        request_id=request_id.get() or uuid.uuid4().hex,
        traceparent=Tracing.spans.traceparent(),
        deduplication_key=key and f"{job.kind}:{key}",
    )
    return await tasks.create(uow, task, delay=delay)
