"""How full the pools of connections are, for the metrics."""

from typing import cast

from sqlalchemy.ext.asyncio import AsyncEngine

from app.core import metrics
from app.db.observation import ObservedPool
from app.db.reads import ReadPool


class PoolLevels:
    """How full the pools are."""

    def __init__(self, reads: ReadPool, engine: AsyncEngine) -> None:
        pool = cast("ObservedPool", engine.pool)
        self._reads, self._writes = reads, pool
        metrics.POOL_SIZE.labels("read").set(reads.size)
        metrics.POOL_SIZE.labels("write").set(pool.limit)

    def longest_wait(self) -> float:
        """In seconds, for a connection, since this was last asked."""
        return max(self._reads.waits.longest(), self._writes.waits.longest())

    def look(self) -> None:
        metrics.POOL_IN_USE.labels("read").set(self._reads.in_use)
        metrics.POOL_IN_USE.labels("write").set(self._writes.checkedout())
