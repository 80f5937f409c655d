"""Runtime metrics: event loop lag, memory and open files, sampled periodically."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.observability import metrics
from app.runtime.background import BackgroundLoop

TICK_SECONDS = 0.05
SAMPLE_EVERY_TICKS = 20
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")

Sample = Callable[[], None]
OnTick = Callable[[float], None]


class RuntimeMetrics(BackgroundLoop):
    """A loop that ticks every 50 ms and measures its lag.

    Each of `on_tick` is called with the part of the lag, in seconds, that the process itself
    caused; `samplers` set gauges about once a second.
    """

    name = "runtime metrics"

    def __init__(self, on_tick: Sequence[OnTick], samplers: Sequence[Sample]) -> None:
        super().__init__()
        self._count = 0
        self._on_tick = on_tick
        self._samplers = [*samplers, sample_process]
        self._expected = time.monotonic()
        self._busy = time.thread_time()

    async def work(self) -> None:
        lag_seconds = max(0.0, time.monotonic() - self._expected)
        metrics.LOOP_LAG_SECONDS.observe(lag_seconds)
        own_seconds = self._own_part(lag_seconds)
        for call in self._on_tick:
            call(own_seconds)
        if self._count % SAMPLE_EVERY_TICKS == 0:
            for sample in self._samplers:
                sample()
        self._count += 1

    def _own_part(self, lag_seconds: float) -> float:
        """Return the part of the lag in which the loop computed, and did not wait for a CPU.

        While other processes use the CPU, rejecting requests would not reduce the lag.
        """
        busy_seconds = time.thread_time() - self._busy
        return min(lag_seconds, max(0.0, busy_seconds - TICK_SECONDS))

    async def pause(self) -> None:
        self._expected = time.monotonic() + TICK_SECONDS
        self._busy = time.thread_time()
        await asyncio.sleep(TICK_SECONDS)


def sample_process() -> None:
    metrics.WORKERS.set(1)
    if STATM.exists():  # Linux
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        metrics.MEMORY_BYTES.set(pages * os.sysconf("SC_PAGE_SIZE"))
        metrics.OPEN_FILES.set(len(list(DESCRIPTORS.iterdir())))
