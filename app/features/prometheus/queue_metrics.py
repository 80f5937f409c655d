"""Queue metrics: number and age of waiting tasks, sampled periodically."""

import asyncio

from app.db.executor import PoolReader
from app.features.background_jobs import crud as tasks
from app.observability import metrics
from app.runtime.background import BackgroundLoop

EVERY_SECONDS = 15.0


class QueueMetrics(BackgroundLoop):
    name = "queue metrics"

    def __init__(self, reads: PoolReader) -> None:
        super().__init__()
        self._reads = reads

    async def work(self) -> None:
        waiting, oldest_seconds = await tasks.waiting(self._reads)
        metrics.JOBS_WAITING.set(waiting)
        metrics.OLDEST_JOB_SECONDS.set(oldest_seconds)

    async def pause(self) -> None:
        await asyncio.sleep(EVERY_SECONDS)
