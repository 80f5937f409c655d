"""Job runner: runs one attempt at a task within its timeout and stores the outcome."""

import asyncio
import uuid
from collections.abc import Iterable
from datetime import timedelta

from app.db.resources import DatabaseResources
from app.errors import AppError
from app.features.background_jobs import crud as tasks
from app.features.background_jobs.job import Job, JobContext, LeaseLost, PermanentFailure
from app.features.background_jobs.models import Task
from app.observability import metrics
from app.observability.logging import get_logger
from app.observability.request_context import bind_task
from app.observability.tracing import Tracing
from app.resources import Resources

# For a task that could not be requeued because the database is unreachable.
UNREACHABLE_DELAY = timedelta(seconds=2)
NO_DELAY = timedelta(0)
# A task whose worker crashes at each attempt fails for good after this many.
MAX_CRASHES = 5

log = get_logger("worker")


class Requeued(Exception):
    """The queue has to keep the job and run it again after the delay."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__()
        self.delay = delay


class JobRunner:
    """Entry point that the queue calls for each of its jobs.

    The queue keeps a job that raises Requeued and removes all others, so no other exception may
    leave `attempt` before the outcome is stored in the row of the task.
    """

    def __init__(self, resources: Resources, jobs: Iterable[type[Job]]) -> None:
        self._resources = resources
        self._units_of_work = resources[DatabaseResources].units_of_work
        self.jobs = {job.kind: job for job in jobs}
        self._running: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._is_closing = False

    @property
    def is_idle(self) -> bool:
        """Return whether no attempt is running."""
        return not self._running

    def cancel(self, task_id: uuid.UUID) -> None:
        if running := self._running.get(task_id):
            running.cancel()

    def requeue_all(self) -> None:
        self._is_closing = True
        for running in self._running.values():
            running.cancel()

    async def attempt(self, task_id: uuid.UUID) -> None:
        """Run one attempt at the task.

        Raises:
            Requeued: the task has to be attempted again.
        """
        try:
            async with self._units_of_work.begin() as uow:
                task = await tasks.begin(uow, task_id)
            if task:
                with (
                    bind_task(task.id, request=task.request_id, owner=task.owner_id),
                    Tracing.spans.job(task.kind, task.traceparent),
                ):
                    await self._run_attempt(task, self.jobs[task.kind])
        except AppError as error:
            log.warning("database unreachable, retrying", reason=error.code)
            raise Requeued(UNREACHABLE_DELAY) from error

    async def _run_attempt(self, task: Task, kind: type[Job]) -> None:
        context = JobContext(self._resources, task.id, task.attempts)
        try:
            await self._run(task, kind, context)
        except LeaseLost:
            log.info("task lease lost", kind=task.kind)
        except asyncio.CancelledError:
            await self._stop(task)
        except Exception as error:  # noqa: BLE001  (every error of a job is recorded and retried)
            await self._recover(task, kind, error)
        else:
            metrics.JOBS.labels(task.kind, "succeeded").inc()
            log.info("task succeeded", kind=task.kind, attempt=task.attempts)

    async def _run(self, task: Task, kind: type[Job], context: JobContext) -> None:
        if task.attempts > max(kind.max_attempts, MAX_CRASHES):
            raise PermanentFailure("The worker was lost at each attempt.")
        running = asyncio.create_task(run_with_timeout(kind, task, context))
        self._running[task.id] = running
        with metrics.JOB_SECONDS.labels(task.kind).time():
            try:
                await running
            finally:
                del self._running[task.id]

    async def _stop(self, task: Task) -> None:
        """Handle a cancellation by the owner, which is already stored, or by a shutdown."""
        if not self._is_closing:
            log.info("task cancelled", kind=task.kind)
            return
        async with self._units_of_work.begin() as uow:
            await tasks.requeue(uow, task.id, task.attempts)
        log.info("task requeued", kind=task.kind)
        raise Requeued(NO_DELAY)

    async def _recover(self, task: Task, kind: type[Job], error: Exception) -> None:
        is_last = isinstance(error, PermanentFailure) or task.attempts >= kind.max_attempts
        end = tasks.fail if is_last else tasks.schedule_retry
        async with self._units_of_work.begin() as uow:
            counts = await end(uow, task.id, task.attempts, public_reason(error))
        metrics.JOBS.labels(task.kind, "failed" if is_last else "retried").inc()
        log.warning(
            "task failed" if is_last else "attempt failed",
            kind=task.kind,
            attempt=task.attempts,
            exc_info=error,
        )
        if counts and not is_last:
            raise Requeued(kind.delay_after(task.attempts)) from error


async def run_with_timeout(kind: type[Job], task: Task, context: JobContext) -> None:
    async with asyncio.timeout(kind.timeout_seconds):
        await kind.model_validate(task.payload).run(context)
        if not context.is_complete:
            async with context.completion():
                pass


def public_reason(error: Exception) -> str:
    """Return the reason for the owner of the task: never the text of a foreign exception."""
    if isinstance(error, PermanentFailure):
        return str(error)
    if isinstance(error, AppError):
        return error.detail or error.title
    if isinstance(error, TimeoutError):
        return "The attempt took too long."
    return "The attempt failed; the log knows why under the request id."
