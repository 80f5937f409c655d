"""Runtime metrics: event loop lag, memory and open files, sampled periodically."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.observability import metrics
from app.runtime.background import BackgroundLoop
from app.runtime.single_flight_cache import SingleFlightCache

TICK_SECONDS = 0.05
SAMPLE_EVERY_TICKS = 20
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")

Sample = Callable[[], None]
OnTick = Callable[[], None]


class RuntimeMetrics(BackgroundLoop):
    """A loop that ticks every 50 ms and measures its lag.

    Each of `on_tick` is called at each tick; `samplers` set gauges about once a second.
    """

    name = "runtime metrics"

    def __init__(self, on_tick: Sequence[OnTick], samplers: Sequence[Sample]) -> None:
        super().__init__()
        self._count = 0
        self._on_tick = on_tick
        self._samplers = [*samplers, sample_process]
        self._expected = time.monotonic()

    async def work(self) -> None:
        lag_seconds = max(0.0, time.monotonic() - self._expected)
        metrics.LOOP_LAG_SECONDS.observe(lag_seconds)
        for call in self._on_tick:
            call()
        if self._count % SAMPLE_EVERY_TICKS == 0:
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


def sample_cache(name: str, cache: SingleFlightCache[Any, Any]) -> None:
    """Add the hits and misses since the last call to the metrics."""
    metrics.CACHE_REQUESTS.labels(name, "hit").inc(cache.hits)
    metrics.CACHE_REQUESTS.labels(name, "miss").inc(cache.misses)
    cache.hits = cache.misses = 0
