"""A process that serves no requests and works on tasks."""

import asyncio
import signal

from prometheus_client import start_http_server

from app.commands.database import database
from app.core.config import Settings
from app.core.logging import get_logger
from app.main import create_app


def work(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; starts while the database is down."""
    with database(settings) as url:
        asyncio.run(until_stopped(settings.model_copy(update={"database_url": url})))


async def until_stopped(settings: Settings) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    app = create_app(settings)
    log = get_logger("worker")
    # The application's own lifespan: jobs get exactly what endpoints have.
    async with app.router.lifespan_context(app):
        if settings.worker_metrics_port:
            start_http_server(settings.worker_metrics_port, addr=settings.host)
        log.info("worker started")
        await stopped.wait()
        log.info("worker stops")
