"""Worker: dequeues tasks and runs an attempt at each."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta

from asyncpg import Connection
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.types import QueueExecutionMode

from app.jobs.job import Job
from app.jobs.pgqueuer import queries
from app.jobs.runner import JobRunner
from app.jobs.schedules import Schedule
from app.resources import Resources
from app.runtime.background import BackgroundLoop

# The lease of a killed worker expires after LEASE; workers poll for such tasks at the interval.
LEASE = timedelta(seconds=15)
POLL_INTERVAL = timedelta(seconds=5)
BATCH = 5
DRAIN_TIMEOUT = timedelta(milliseconds=20)
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
        self._concurrency = max(concurrency, 2 * BATCH)
        self._runner = JobRunner(resources, self.jobs)

    async def work(self) -> None:
        connection = await self.connect()
        try:
            await self._run_managers(queries(connection))
        finally:
            await connection.close(timeout=1)

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
        connection = await self.connect()
        try:
            queue = self._queue(queries(connection))
            await queue.run(
                mode=QueueExecutionMode.drain, batch_size=BATCH, dequeue_timeout=DRAIN_TIMEOUT
            )
        finally:
            await connection.close(timeout=1)

    async def _run_managers(self, wire: Queries) -> None:
        """Run until a manager ends, as it does when its connection is lost, or until `close`."""
        queue, schedules = self._queue(wire), self._schedules(wire)
        loops = [
            asyncio.create_task(
                queue.run(
                    dequeue_timeout=POLL_INTERVAL,
                    batch_size=BATCH,
                    max_concurrent_tasks=self._concurrency,
                    heartbeat_timeout=LEASE,
                    shutdown_on_listener_failure=True,
                )
            ),
            asyncio.create_task(schedules.run()),
            asyncio.create_task(self._closing.wait()),
        ]
        await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        # Shut down and not cancelled: pgqueuer removes a cancelled job from the queue.
        queue.shutdown.set()
        schedules.shutdown.set()
        loops.pop().cancel()
        await asyncio.gather(*loops)

    def _queue(self, wire: Queries) -> QueueManager:
        manager = QueueManager(wire)
        for kind in self._runner.jobs:
            manager.entrypoint(kind, accepts_context=False)(self._runner.attempt)
        return manager

    def _schedules(self, wire: Queries) -> SchedulerManager:
        manager = SchedulerManager(wire)
        for schedule in self.schedules:
            run = schedule.bound(self.resources)
            manager.schedule(schedule.name, schedule.cron, accepts_context=False)(run)
        return manager
