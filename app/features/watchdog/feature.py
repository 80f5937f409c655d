"""Watchdog: ends a process whose event loop is blocked, so that its supervisor starts another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.feature import Feature
from app.features.log_writer.log_writer import LogWriter
from app.features.watchdog.settings import WatchdogSettings
from app.features.watchdog.watchdog import Watchdog
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[None]:
    seconds = startup.resources[WatchdogSettings].loop_watchdog_seconds
    if seconds:
        startup.run(Watchdog(seconds, startup.resources[LogWriter]))
    yield


feature = Feature(
    name="watchdog",
    requires=("log_writer",),
    lifespan=lifespan,
)
