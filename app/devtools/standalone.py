"""Application of a server that `app run` does not start: uvicorn, gunicorn or `fastapi dev`.

In development it has a PostgreSQL of its own where DATABASE_URL is empty, migrated and with demo
data, as with `make run`.
"""

import asyncio
import atexit
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager

from fastapi import FastAPI

from app.commands.database import database
from app.config.settings import Settings
from app.devtools.development import prepare
from app.main import create_app


def create_standalone_app(settings: Settings) -> FastAPI:
    """Create the application on a prepared database, which stops after its last user.

    Raises:
        ConfigError: the embedded PostgreSQL cannot be started.
    """
    stack = ExitStack()
    # Without a lifespan, as in a script that imports the application.
    atexit.register(stack.close)
    # uvicorn imports the application inside its event loop, where no other loop can run.
    with ThreadPoolExecutor(1) as thread:
        prepared = thread.submit(prepare_database, settings, stack).result()
    app = create_app(prepared)
    close_after(app, stack)
    return app


def prepare_database(settings: Settings, stack: ExitStack) -> Settings:
    url = stack.enter_context(database(settings))
    prepared = settings.model_copy(update={"database_url": url})
    prepare(prepared)
    return prepared


def close_after(app: FastAPI, stack: ExitStack) -> None:
    """Close the stack at the end of the lifespan: uvicorn ends with a signal, without `atexit`."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def closing(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            yield
        await asyncio.to_thread(stack.close)

    app.router.lifespan_context = closing
