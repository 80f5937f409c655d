"""Instrumentation of a process: its log and its runtime metrics."""

from contextlib import AsyncExitStack
from typing import Any

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


def open_log(opened: Resources, stack: AsyncExitStack) -> None:
    opened[LogWriter].start()
    stack.callback(opened[LogWriter].close)


def runtime_metrics(opened: Resources, stack: AsyncExitStack) -> RuntimeMetrics:
    database, limit = opened[DatabaseResources], opened[ConcurrencyLimit]
    pool_metrics = PoolMetrics(database.pool)
    return RuntimeMetrics(
        on_tick=watch(opened, stack),
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
