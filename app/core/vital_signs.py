"""What can only be looked at: the loop's lag, sizes and levels, read at a steady pace."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core import metrics
from app.core.background import BackgroundLoop

BEAT_SECONDS = 0.05
LOOK_EVERY_BEATS = 20
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")

Look = Callable[[], None]
Beat = Callable[[float], None]


class VitalSigns(BackgroundLoop):
    """The pulse of the process: each beat measures how late it comes.

    `beats` are told the seconds each time; `looks` set gauges, about once a second.
    """

    name = "vital signs"

    def __init__(self, beats: Sequence[Beat], looks: Sequence[Look]) -> None:
        super().__init__()
        self._count = 0
        self._hearers = beats
        self._looks = [*looks, look_at_process]
        self._expected = time.monotonic()

    async def work(self) -> None:
        lag_seconds = max(0.0, time.monotonic() - self._expected)
        metrics.LOOP_LAG_SECONDS.observe(lag_seconds)
        for hear in self._hearers:
            hear(lag_seconds)
        if self._count % LOOK_EVERY_BEATS == 0:
            for look in self._looks:
                look()
        self._count += 1

    async def pause(self) -> None:
        self._expected = time.monotonic() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)


def look_at_process() -> None:
    metrics.WORKERS.set(1)
    if STATM.exists():  # Linux
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        metrics.MEMORY_BYTES.set(pages * os.sysconf("SC_PAGE_SIZE"))
        metrics.OPEN_FILES.set(len(list(DESCRIPTORS.iterdir())))
