"""Runtime metrics: event loop lag, memory and open files, sampled periodically."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.observability import metrics
from app.runtime.background import BackgroundLoop

BEAT_SECONDS = 0.05
LOOK_EVERY_BEATS = 20
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")

Look = Callable[[], None]
Beat = Callable[[float], None]


class RuntimeMetrics(BackgroundLoop):
    """The pulse of the process: each beat measures how late it comes.

    `beats` are told each time by how many seconds that is our own doing; `looks` set gauges,
    about once a second.
    """

    name = "vital signs"

    def __init__(self, beats: Sequence[Beat], looks: Sequence[Look]) -> None:
        super().__init__()
        self._count = 0
        self._hearers = beats
        self._looks = [*looks, look_at_process]
        self._expected = time.monotonic()
        self._busy = time.thread_time()

    async def work(self) -> None:
        lag_seconds = max(0.0, time.monotonic() - self._expected)
        metrics.LOOP_LAG_SECONDS.observe(lag_seconds)
        own_seconds = self._own_part(lag_seconds)
        for hear in self._hearers:
            hear(own_seconds)
        if self._count % LOOK_EVERY_BEATS == 0:
            for look in self._looks:
                look()
        self._count += 1

    def _own_part(self, lag_seconds: float) -> float:
        """The part of the lag in which the loop computed, and did not wait for a processor.

        Where others use it as well, refusing requests would make nothing come any sooner.
        """
        busy_seconds = time.thread_time() - self._busy
        return min(lag_seconds, max(0.0, busy_seconds - BEAT_SECONDS))

    async def pause(self) -> None:
        self._expected = time.monotonic() + BEAT_SECONDS
        self._busy = time.thread_time()
        await asyncio.sleep(BEAT_SECONDS)


def look_at_process() -> None:
    metrics.WORKERS.set(1)
    if STATM.exists():  # Linux
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        metrics.MEMORY_BYTES.set(pages * os.sysconf("SC_PAGE_SIZE"))
        metrics.OPEN_FILES.set(len(list(DESCRIPTORS.iterdir())))
