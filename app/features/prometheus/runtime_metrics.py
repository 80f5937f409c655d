"""Runtime metrics: event loop lag, memory and open files, sampled periodically."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path

from app.observability import metrics
from app.runtime.background import BackgroundLoop
from app.startup import Sample

TICK_SECONDS = 0.05
SAMPLE_EVERY_TICKS = 20
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")


class RuntimeMetrics(BackgroundLoop):
    """A loop that measures its lag every 50 ms, and calls the samplers about once a second."""

    name = "runtime metrics"

    def __init__(self, samplers: Sequence[Sample]) -> None:
        super().__init__()
        self._count = 0
        self._samplers = samplers
        self._expected = time.monotonic()

    async def work(self) -> None:
        lag_seconds = max(0.0, time.monotonic() - self._expected)
        metrics.LOOP_LAG_SECONDS.observe(lag_seconds)
        if self._count % SAMPLE_EVERY_TICKS == 0:
            sample_process()
            for sample in self._samplers:
                sample()
        self._count += 1

    async def pause(self) -> None:
        self._expected = time.monotonic() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)


def sample_process() -> None:
    metrics.WORKERS.set(1)
    if STATM.exists():  # Linux
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        metrics.MEMORY_BYTES.set(pages * os.sysconf("SC_PAGE_SIZE"))
        metrics.OPEN_FILES.set(len(list(DESCRIPTORS.iterdir())))
