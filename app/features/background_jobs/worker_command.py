"""Worker command: a process that runs jobs and serves no requests."""

import asyncio
import signal

from app.commands import startup_checks
from app.commands.database import database
from app.config.settings import Settings
from app.feature import load_features
from app.features.background_jobs.declarations import BackgroundJobs
from app.main import create_app
from app.observability.logging import get_logger


def work(settings: Settings) -> None:
    """Run jobs until SIGINT or SIGTERM; the database may be down at the start.

    Raises:
        ConfigError: a setting names a resource that cannot be used, such as a port.
    """
    startup_checks.check(settings)
    with database(settings) as url:
        asyncio.run(until_stopped(settings.model_copy(update={"database_url": url})))


async def until_stopped(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    app = create_app(settings)
    log = get_logger("worker")
    # The lifespan of the application: jobs have the same resources as endpoints.
    async with app.router.lifespan_context(app):
        for declared in load_features().extensions("background_jobs", BackgroundJobs):
            if declared.on_worker_start:
                declared.on_worker_start(settings)
        log.info("worker started")
        await stopped.wait()
        log.info("worker stopping")
