"""Worker: dequeues tasks and runs an attempt at each."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from asyncpg import Connection

from app.features.background_jobs.job import Job
from app.features.background_jobs.runner import JobRunner
from app.features.background_jobs.schedules import Schedule
from app.resources import Resources
from app.runtime.background import BackgroundLoop

if TYPE_CHECKING:
    from app.features.background_jobs.pgqueuer import QueueEngine  # As in `_engine`.

# Jobs may finish within this time after SIGTERM; then they are requeued.
GRACE_SECONDS = 6.0
RECONNECT_SECONDS = 1.0


class Worker(BackgroundLoop):
    """Runs up to `concurrency` tasks at once, and the schedules, over one connection.

    Each task and each scheduled run is executed by one of all workers.
    """

    name = "worker"

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        resources: Resources,
        *,
        jobs: Iterable[type[Job]],
        schedules: Iterable[Schedule],
        concurrency: int,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        super().__init__()
        self.connect = connect
        self.resources = resources
        self.jobs = tuple(jobs)
        self.schedules = tuple(schedules)
        self._grace_seconds = grace_seconds
        self._concurrency = concurrency
        self._runner = JobRunner(resources, self.jobs)

    async def work(self) -> None:
        # In a thread: the import takes 0.1 s, in which the process already serves requests.
        engine = await asyncio.to_thread(self._engine)
        async with self._connection() as connection:
            await engine.run(connection, self._closing)

    async def pause(self) -> None:
        await asyncio.sleep(RECONNECT_SECONDS)

    async def close(self) -> None:
        """Let running tasks finish within the grace period; requeue the rest."""
        self._closing.set()
        if self._task:
            await asyncio.wait([self._task], timeout=self._grace_seconds)
            self._runner.requeue_all()
            await asyncio.wait([self._task], timeout=RECONNECT_SECONDS)
        await super().close()

    @property
    def is_idle(self) -> bool:
        """Return whether no attempt is running."""
        return self._runner.is_idle

    def cancel(self, task_id: str) -> None:
        """Cancel the task if it runs in this worker."""
        self._runner.cancel(uuid.UUID(task_id))

    async def drain(self) -> None:
        """Work until the queue is empty."""
        async with self._connection() as connection:
            await self._engine().drain(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        connection = await self.connect()
        try:
            yield connection
        finally:
            await connection.close(timeout=1)

    def _engine(self) -> "QueueEngine":
        from app.features.background_jobs.pgqueuer import (
            QueueEngine,  # Not imported in processes without a worker.
        )

        return QueueEngine(self._runner, self.schedules, self.resources, self._concurrency)
