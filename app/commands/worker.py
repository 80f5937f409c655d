"""Worker command: a process that runs jobs and serves no requests."""

import asyncio
import signal

from prometheus_client import start_http_server

from app.commands import startup_checks
from app.commands.database import database
from app.config.settings import ConfigError, Settings
from app.main import create_app
from app.observability.logging import get_logger


def work(settings: Settings) -> None:
    """Run jobs until SIGINT or SIGTERM; the database may be down at the start.

    Raises:
        ConfigError: the port for metrics is in use, or a setting names a resource that cannot be
            used.
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
        serve_metrics(settings)
        log.info("worker started")
        await stopped.wait()
        log.info("worker stopping")


def serve_metrics(settings: Settings) -> None:
    port = settings.worker_metrics_port
    try:
        if port:
            start_http_server(port, addr=settings.host)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {settings.host}:{port} ({error.strerror}): "
            "choose another WORKER_METRICS_PORT."
        ) from None
