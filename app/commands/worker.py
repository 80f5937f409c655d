"""A process that serves no requests and works on tasks."""

import asyncio
import signal

from prometheus_client import start_http_server

from app.commands import startup_checks as preflight
from app.commands.database import database
from app.config.settings import ConfigError, Settings
from app.main import create_app
from app.observability.logging import get_logger


def work(settings: Settings) -> None:
    """Work until SIGINT or SIGTERM; starts while the database is down.

    Raises:
        ConfigError: the port for metrics is taken, or a setting points at what cannot be used.
    """
    preflight.check(settings)
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
        show_metrics(settings)
        log.info("worker started")
        await stopped.wait()
        log.info("worker stops")


def show_metrics(settings: Settings) -> None:
    port = settings.worker_metrics_port
    try:
        if port:
            start_http_server(port, addr=settings.host)
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {settings.host}:{port} ({error.strerror}): "
            "choose another WORKER_METRICS_PORT."
        ) from None
