"""Instrumentation of a process: its log, its traces and its runtime metrics."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.config.settings import Settings
from app.db.pool_metrics import PoolMetrics
from app.db.resources import DatabaseResources
from app.http.load_shedding.concurrency_limit import Load
from app.observability.log_writer import LogWriter
from app.observability.runtime_metrics import OnTick, RuntimeMetrics
from app.resources import Resources
from app.runtime.watchdog import Watchdog
from app.security.resources import SecurityResources

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider  # Large, and mostly not needed.


@dataclass(frozen=True, slots=True)
class Tracing:
    """The provider of spans; None where no traces are exported."""

    provider: "TracerProvider | None"


def open_log(opened: Resources, stack: AsyncExitStack) -> None:
    opened[LogWriter].start()
    stack.callback(opened[LogWriter].close)


def open_tracing(opened: Resources, stack: AsyncExitStack) -> None:
    provider = opened[Tracing].provider
    if provider:
        from app.observability.trace_export import close  # As in app/main.py.

        stack.callback(close, provider)


def runtime_metrics(opened: Resources, stack: AsyncExitStack) -> RuntimeMetrics:
    database, load = opened[DatabaseResources], opened[Load]
    pools = [database.reads, database.reads.cursors, database.driver_pool]
    levels = PoolMetrics(pools, database.engine)
    return RuntimeMetrics(
        on_tick=[
            lambda lag_seconds: load.on_tick(max(lag_seconds, levels.longest_wait())),
            *watch(opened, stack),
        ],
        samplers=[load.sample, levels.sample, opened[SecurityResources].principals.sample],
    )


def watch(opened: Resources, stack: AsyncExitStack) -> list[OnTick]:
    seconds = opened[Settings].loop_watchdog_seconds
    if not seconds:
        return []
    watchdog = Watchdog(seconds, opened[LogWriter])
    watchdog.start()
    stack.callback(watchdog.close)
    return [watchdog.on_tick]
