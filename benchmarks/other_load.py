"""Other load: what the machine does while a benchmark does nothing."""

import os
import time
from pathlib import Path

# Of one core. Above that, a run measures other work as well.
MAX_OTHER_LOAD = 0.1
SECONDS = 3.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Columns of proc_stat(5) in which nothing runs.
IDLE, WAITING = 3, 4


def other_load(seconds: float = SECONDS) -> float:
    """Return the cores that are busy on average, measured while the caller sleeps."""
    before = busy_ticks()
    time.sleep(seconds)
    return (busy_ticks() - before) / TICKS_PER_SECOND / seconds


def busy_ticks() -> int:
    line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
    # The last two, of guests, are part of the first two.
    ticks = [int(field) for field in line.split()[1:9]]
    return sum(ticks) - ticks[IDLE] - ticks[WAITING]
