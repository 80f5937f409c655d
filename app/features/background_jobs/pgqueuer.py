"""Adapter to pgqueuer: its managers dequeue tasks and run the schedules.

Imported where a worker runs: pgqueuer imports all of its drivers and its command line.
"""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import timedelta

from asyncpg import Connection
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.qb import (
    DBSettings,
    Durability,
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueExecutionMode

from app.features.background_jobs.queue import SCHEMA
from app.features.background_jobs.runner import JobRunner, Requeued
from app.features.background_jobs.schedules import Schedule
from app.resources import Resources

# Set here and not from the environment: the migration created the tables with these settings.
# Balanced: jobs survive a crash of the server, their log need not.
TABLES = DBSettings(db_schema=SCHEMA, durability=Durability.balanced)
# The lease of a killed worker expires after LEASE; workers poll for such tasks at the interval.
LEASE = timedelta(seconds=15)
POLL_INTERVAL = timedelta(seconds=5)
BATCH = 5
DRAIN_TIMEOUT = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True)
class QueueEngine:
    """pgqueuer's managers of the queue and of the schedules, on one connection at a time."""

    runner: JobRunner
    schedules: tuple[Schedule, ...]
    resources: Resources
    concurrency: int

    async def run(self, connection: Connection, closing: asyncio.Event) -> None:
        """Run until a manager ends, as it does when its connection is lost, or until `closing`."""
        wire = queries(connection)
        queue, schedules = self._queue(wire), self._scheduler(wire)
        loops = [
            asyncio.create_task(
                queue.run(
                    dequeue_timeout=POLL_INTERVAL,
                    batch_size=BATCH,
                    max_concurrent_tasks=max(self.concurrency, 2 * BATCH),
                    heartbeat_timeout=LEASE,
                    shutdown_on_listener_failure=True,
                )
            ),
            asyncio.create_task(schedules.run()),
            asyncio.create_task(closing.wait()),
        ]
        await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
        # Shut down and not cancelled: pgqueuer removes a cancelled job from the queue.
        queue.shutdown.set()
        schedules.shutdown.set()
        loops.pop().cancel()
        await asyncio.gather(*loops)

    async def drain(self, connection: Connection) -> None:
        """Run tasks until the queue is empty."""
        await self._queue(queries(connection)).run(
            mode=QueueExecutionMode.drain, batch_size=BATCH, dequeue_timeout=DRAIN_TIMEOUT
        )

    async def _attempt(self, job: Job) -> None:
        """Run an attempt; pgqueuer keeps a job that raises RetryRequested and removes all others.

        Raises:
            RetryRequested: pgqueuer must run the job again, after its delay.
        """
        try:
            await self.runner.attempt(uuid.UUID(bytes=job.payload))
        except Requeued as error:
            raise RetryRequested(error.delay) from error

    def _queue(self, wire: Queries) -> QueueManager:
        manager = QueueManager(wire)
        for kind in self.runner.jobs:
            manager.entrypoint(kind, accepts_context=False)(self._attempt)
        return manager

    def _scheduler(self, wire: Queries) -> SchedulerManager:
        manager = SchedulerManager(wire)
        for schedule in self.schedules:
            run = schedule.bound(self.resources)
            manager.schedule(schedule.name, schedule.cron, accepts_context=False)(run)
        return manager


def queries(connection: Connection) -> Queries:
    """Return the query object of pgqueuer's managers, which need the connection to themselves."""
    return Queries(
        AsyncpgDriver(connection),
        qbe=QueryBuilderEnvironment(TABLES),
        qbq=QueryQueueBuilder(TABLES),
        qbs=QuerySchedulerBuilder(TABLES),
    )
