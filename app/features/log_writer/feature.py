"""Log writer: log lines are written by a thread, so that a slow reader blocks no request."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO, cast

from fastapi import FastAPI

from app.config.settings import Settings
from app.feature import Feature
from app.features.log_writer.log_writer import LogWriter
from app.observability.logging import configure_logging
from app.resources import Resources
from app.startup import Startup


def extend(app: FastAPI) -> None:
    resources: Resources = app.state.resources
    resources.add(writer := LogWriter(sys.stdout))
    configure_logging(
        resources[Settings], cast("TextIO", writer)
    )  # Only write and flush are called.


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[None]:
    writer = startup.resources[LogWriter]
    writer.start()
    try:
        yield
    finally:
        writer.close()


feature = Feature(
    name="log_writer",
    extend=extend,
    lifespan=lifespan,
)
