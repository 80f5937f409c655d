"""Instrumentation of a process: its log and its runtime metrics."""

from contextlib import AsyncExitStack

from app.config.settings import Settings
from app.db.pool_metrics import PoolMetrics
from app.db.resources import DatabaseResources
from app.observability.log_writer import LogWriter
from app.observability.runtime_metrics import OnTick, RuntimeMetrics, sample_cache
from app.resources import Resources
from app.runtime.watchdog import Watchdog
from app.security.resources import SecurityResources
from app.startup import Startup


def open_log(opened: Resources, stack: AsyncExitStack) -> None:
    opened[LogWriter].start()
    stack.callback(opened[LogWriter].close)


def runtime_metrics(startup: Startup, stack: AsyncExitStack) -> RuntimeMetrics:
    opened = startup.resources
    pool_metrics = PoolMetrics(opened[DatabaseResources].pool)
    return RuntimeMetrics(
        on_tick=watch(opened, stack),
        samplers=[
            pool_metrics.sample,
            lambda: sample_cache("principals", opened[SecurityResources].principals),
            *startup.samplers,
        ],
    )


def watch(opened: Resources, stack: AsyncExitStack) -> list[OnTick]:
    seconds = opened[Settings].loop_watchdog_seconds
    if not seconds:
        return []
    watchdog = Watchdog(seconds, opened[LogWriter])
    watchdog.start()
    stack.callback(watchdog.close)
    return [watchdog.on_tick]
