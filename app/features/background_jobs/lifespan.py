"""Lifespan of the worker, which runs in processes that run jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from app.db.engine import connect
from app.db.executor import PoolReader
from app.db.resources import DatabaseResources
from app.feature import Features
from app.features.background_jobs import crud as tasks
from app.features.background_jobs.declarations import BackgroundJobs, joined
from app.features.background_jobs.schedules import REQUEUE_LOST_TASKS, purge_expired
from app.features.background_jobs.settings import JobSettings
from app.features.background_jobs.worker import Worker
from app.startup import Startup

# If a job is due for longer, no worker runs.
MAX_WAIT_SECONDS = 60.0


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[Worker]:
    worker = create_worker(startup)
    startup.notifications.on_notification(tasks.CHANNEL, worker.cancel)
    startup.worker_loops.insert(0, worker)
    database = startup.resources[DatabaseResources]
    startup.health.add("queue", lambda: is_queue_processed(database.reads))
    yield worker


def create_worker(startup: Startup) -> Worker:
    settings, features = startup.settings, startup.resources[Features]
    declared = joined(features.extensions("background_jobs", BackgroundJobs))
    return Worker(
        partial(connect, settings, settings.session_url),
        startup.resources,
        jobs=declared.jobs,
        schedules=(purge_expired(features.cleanup), REQUEUE_LOST_TASKS, *declared.schedules),
        concurrency=startup.resources[JobSettings].worker_concurrency,
    )


async def is_queue_processed(reads: PoolReader) -> bool:
    """Return whether workers keep up with the job queue."""
    _, oldest_seconds = await tasks.waiting(reads)
    return oldest_seconds < MAX_WAIT_SECONDS
