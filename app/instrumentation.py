"""Instrumentation of a process: its log, its traces and its runtime metrics."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.config.settings import Settings
from app.db.pool_metrics import PoolMetrics
from app.db.resources import DatabaseResources
from app.http.load_shedding.concurrency_limit import ConcurrencyLimit
from app.http.resources import HttpResources
from app.observability import metrics
from app.observability.log_writer import LogWriter
from app.observability.runtime_metrics import OnTick, RuntimeMetrics
from app.resources import Resources
from app.runtime.single_flight_cache import SingleFlightCache
from app.runtime.watchdog import Watchdog
from app.security.resources import SecurityResources

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider  # A large import that is rarely needed.


@dataclass(frozen=True, slots=True)
class Tracing:
    """The provider of spans; None if no traces are exported."""

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
    database, limit = opened[DatabaseResources], opened[ConcurrencyLimit]
    pools = [database.reads, database.reads.cursors, database.driver_pool]
    pool_metrics = PoolMetrics(pools, database.engine)
    return RuntimeMetrics(
        on_tick=[
            lambda lag_seconds: limit.on_tick(max(lag_seconds, pool_metrics.longest_wait())),
            *watch(opened, stack),
        ],
        samplers=[
            limit.sample,
            pool_metrics.sample,
            lambda: sample_cache("principals", opened[SecurityResources].principals),
            lambda: sample_cache("answers", opened[HttpResources].response_cache),
        ],
    )


def sample_cache(name: str, cache: SingleFlightCache[Any, Any]) -> None:
    """Add the hits and misses since the last call to the metrics."""
    metrics.CACHE_REQUESTS.labels(name, "hit").inc(cache.hits)
    metrics.CACHE_REQUESTS.labels(name, "miss").inc(cache.misses)
    cache.hits = cache.misses = 0


def watch(opened: Resources, stack: AsyncExitStack) -> list[OnTick]:
    seconds = opened[Settings].loop_watchdog_seconds
    if not seconds:
        return []
    watchdog = Watchdog(seconds, opened[LogWriter])
    watchdog.start()
    stack.callback(watchdog.close)
    return [watchdog.on_tick]
