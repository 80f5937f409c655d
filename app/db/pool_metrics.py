"""Pool metrics: connections of each share of the pool, in use and at most."""

from app.db.pool import Pool
from app.observability import metrics


class PoolMetrics:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        for share in pool.shares:
            metrics.POOL_SIZE.labels(share.name).set(share.size)

    def longest_wait(self) -> float:
        """Return the longest wait for a connection, in seconds, since the last call."""
        return max(share.waits.longest() for share in self._pool.shares)

    def sample(self) -> None:
        for share in self._pool.shares:
            metrics.POOL_IN_USE.labels(share.name).set(share.in_use)
