"""Lifespan of the samplers, which set the gauges of the process, the pool and the queue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.pool import Pool
from app.db.resources import DatabaseResources
from app.features.prometheus.queue_metrics import QueueMetrics
from app.features.prometheus.runtime_metrics import RuntimeMetrics
from app.observability import metrics
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[RuntimeMetrics]:
    database = startup.resources[DatabaseResources]
    startup.samplers.append(lambda: sample_pool(database.pool))
    # Features that start later add to the list.
    runtime_metrics = RuntimeMetrics(startup.samplers)
    startup.run(runtime_metrics, QueueMetrics(database.loop_reads))
    yield runtime_metrics


def sample_pool(pool: Pool) -> None:
    for share in pool.shares:
        metrics.POOL_SIZE.labels(share.name).set(share.size)
        metrics.POOL_IN_USE.labels(share.name).set(share.in_use)
