"""Pool metrics: connections of each pool, in use and idle."""

from collections.abc import Sequence
from typing import cast

from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.instrumentation import InstrumentedPool
from app.db.pool import DriverPool
from app.observability import metrics


class PoolMetrics:
    """Metrics of the driver pools and of the engine's pool."""

    def __init__(self, pools: Sequence[DriverPool], engine: AsyncEngine) -> None:
        pool = cast("InstrumentedPool", engine.pool)
        self._pools, self._writes = pools, pool
        for each in pools:
            metrics.POOL_SIZE.labels(each.name).set(each.size)
        metrics.POOL_SIZE.labels("write").set(pool.limit)

    def sample(self) -> None:
        for each in self._pools:
            metrics.POOL_IN_USE.labels(each.name).set(each.in_use)
        metrics.POOL_IN_USE.labels("write").set(self._writes.checkedout())
