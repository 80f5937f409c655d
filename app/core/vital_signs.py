"""What can only be looked at: the loop's lag, sizes and levels, read at a steady pace."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core import metrics
from app.core.background import BackgroundLoop

BEAT_SECONDS = 0.1
LOOK_EVERY_BEATS = 10
STATM = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")

Look = Callable[[], None]


class VitalSigns(BackgroundLoop):
    """The pulse of the process: each beat measures how late it comes.

    `looks` set gauges from what they find, about once a second.
    """

    name = "vital signs"

    def __init__(self, looks: Sequence[Look]) -> None:
        super().__init__()
        self._looks = [*looks, look_at_process]
        self._beats = 0
        self._expected = time.monotonic()

    async def work(self) -> None:
        metrics.LOOP_LAG_SECONDS.observe(max(0.0, time.monotonic() - self._expected))
        if self._beats % LOOK_EVERY_BEATS == 0:
            for look in self._looks:
                look()
        self._beats += 1

    async def pause(self) -> None:
        self._expected = time.monotonic() + BEAT_SECONDS
        await asyncio.sleep(BEAT_SECONDS)


def look_at_process() -> None:
    metrics.WORKERS.set(1)
    if STATM.exists():  # Linux
        pages = int(STATM.read_text(encoding="ascii").split()[1])
        metrics.MEMORY_BYTES.set(pages * os.sysconf("SC_PAGE_SIZE"))
        metrics.OPEN_FILES.set(len(list(DESCRIPTORS.iterdir())))
